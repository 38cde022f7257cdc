/** `explain`: says what the gateway would do with a message, and does nothing of it. */
import { readFile } from "node:fs/promises";
import { loadGatewayConfig } from "../handlers/runtime/config-files.ts";
import { systemClock } from "../pipeline/clock.ts";
import { EnvelopeError, toError } from "../pipeline/errors.ts";
import { createExplain } from "../pipeline/explain/explain.ts";
import { findOrigin } from "../pipeline/explain/origin.ts";
import type { UserProperty } from "../pipeline/message.ts";
import { isTopicName } from "../pipeline/source/topic.ts";
import { describeExplanation } from "./describe-explanation.ts";
import { UsageError } from "./usage.ts";

export interface ExplainFileOptions {
  /** Holds the payload; `-`: it comes by `input`. */
  file: string;
  topic: string | undefined;
  /** Of a source or bridge. */
  source: string | undefined;
  /** Each `NAME=VALUE`. */
  userProperties: readonly string[];
  configPath: string | undefined;
  environment: Record<string, string | undefined>;
  input: AsyncIterable<Uint8Array | string>;
  write(text: string): void;
}

/**
 * Resolves with the exit status: 0; 1 when the message would not be delivered.
 *
 * Errors: ConfigError; UsageError when the file cannot be read, or what is said of the message cannot be so.
 */
export async function explainFile(options: ExplainFileOptions): Promise<number> {
  const { file, configPath, environment, input, write } = options;
  const topic = parseTopic(options.topic);
  const userProperties = options.userProperties.map(parseUserProperty);
  const config = loadGatewayConfig(configPath, environment);
  const origin = originOf(() => findOrigin(config, { name: options.source, topic }));
  const payload = file === "-" ? await readAll(input) : await readPayload(file);
  const explain = createExplain({ config, instanceId: undefined, clock: systemClock });
  const explanation = await explain(origin, { topic, payload, userProperties });
  write(`${describeExplanation(explanation).join("\n")}\n`);
  return explanation.isDelivered ? 0 : 1;
}

function parseTopic(topic: string | undefined): string {
  if (topic === undefined) throw new UsageError('"explain" needs --topic');
  if (!isTopicName(topic)) {
    throw new UsageError(`Cannot use topic ${JSON.stringify(topic)}: wanted a Topic Name without wildcards`);
  }
  return topic;
}

function parseUserProperty(text: string): UserProperty {
  const at = text.indexOf("=");
  if (at < 0) throw new UsageError(`Cannot read user property ${JSON.stringify(text)}: wanted NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function originOf<Origin>(find: () => Origin): Origin {
  try {
    return find();
  } catch (error) {
    throw error instanceof EnvelopeError ? new UsageError(error.message, { cause: error }) : error;
  }
}

async function readPayload(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read ${file}: ${toError(error).message}`, { cause: error });
  }
}

async function readAll(input: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
