import type { GatewayConfig, Origin } from "../config/config.ts";
import { identityOf } from "../identity.ts";
import { expiryOf, quote } from "../judge.ts";
import type { MqttMessage } from "../message.ts";
import type { PayloadFormat, Recall } from "../payload/format.ts";
import { matchesTopicFilter } from "../source/topic.ts";
import type { Verdict } from "../store/batch-store.ts";
import type { Explanation, Step } from "./explanation.ts";
import type { ConfiguredOrigin } from "./origin.ts";
import { createRuleLog, type RuleLog } from "./rules.ts";

/** Tell what was looked at until the verdict, in the order of the judge. */
export type ExplainSteps = (
  origin: ConfiguredOrigin,
  message: MqttMessage,
  judged: { verdict: Verdict; arrivedAtUs: number; recall: Recall | undefined },
) => Pick<Explanation, "steps" | "rules">;

export function createSteps(config: GatewayConfig, format: PayloadFormat): ExplainSteps {
  const hasRules = config.mappings.length + config.graphs.length > 0;
  const asAioJson = hasRules ? "as AIO JSON, as no Mapping and no DataflowGraph takes it" : "as AIO JSON";

  function explainDuplicate(message: MqttMessage): string {
    const { windowSeconds } = config.dedupe;
    if (windowSeconds === 0) return "repeats are not looked for";
    if (config.bridges.some(({ name }) => name === message.source)) {
      return `by Packet Identifier: what the broker repeats within ${windowSeconds} s is acknowledged and stored no more`;
    }
    if (identityOf(message) === undefined) return "no message id: a repeat counts as another message";
    const { source, clientId, messageId = "" } = message;
    const sender =
      clientId === undefined ? `source ${source}` : `client ${quote(clientId)} of source ${source}`;
    return `message id ${quote(messageId)} of ${sender}: a repeat within ${windowSeconds} s is acknowledged and stored no more`;
  }

  function explainPayload(
    { lenient }: Origin,
    message: MqttMessage,
    { log, recall }: { log: RuleLog; recall: Recall | undefined },
  ): string {
    const parsed = format.parse(message, { lenient, watch: log.watch, recall });
    const reader = log.reader === undefined ? asAioJson : `by ${log.reader}`;
    const read = `read ${reader}, ${lenient ? "leniently" : "strictly"}`;
    switch (parsed.kind) {
      case "items": {
        const { metrics, logs } = parsed.items;
        return `${read}: ${count(metrics, "metric")}, ${count(logs, "log")}`;
      }
      case "filtered":
        return `${read}: dropped by ${parsed.by}`;
      case "refused": {
        const { path, message: reason } = parsed.refusal;
        return `${read}: ${path === "" ? "" : `${path}: `}${reason}`;
      }
    }
  }

  return (origin, message, { verdict, arrivedAtUs, recall }) => {
    const steps: Step[] = [];
    const log = createRuleLog({ isRemembering: recall !== undefined });
    const step = (name: Step["step"], passes: boolean, detail: string) => {
      steps.push({ step: name, passes, detail });
      return { steps, rules: log.rules };
    };

    step("source", true, describeOrigin(origin));
    const died = verdict.kind === "deadLettered" ? verdict : undefined;
    if (died?.reason === "topicNotAllowed") return step("topic", false, died.detail);
    step("topic", true, describeTopic(origin, message));
    if (died?.reason === "tooLarge") return step("payloadSize", false, died.detail);
    const { payloadBytesMax } = config.limits;
    step("payloadSize", true, `${message.payload.byteLength} bytes, limit is ${payloadBytesMax}`);
    const expiresAtUs = expiryOf(message, { arrivedAtUs });
    const instant = expiresAtUs === undefined ? undefined : new Date(expiresAtUs / 1000).toISOString();
    if (verdict.kind === "expired") return step("expiry", false, `expired at ${instant}`);
    step("expiry", true, instant === undefined ? "never" : `at ${instant}`);
    step("duplicate", true, explainDuplicate(message));
    return step("payload", verdict.kind === "accepted", explainPayload(origin, message, { log, recall }));
  };
}

function describeOrigin(origin: ConfiguredOrigin): string {
  return "adapter" in origin
    ? `${origin.name}: POST /webhooks/${origin.name}, adapter ${origin.adapter}`
    : `${origin.name}: bridge to ${origin.url}`;
}

function describeTopic({ topicFilters }: Origin, { topic }: MqttMessage): string {
  const filter = topicFilters.find((each) => matchesTopicFilter(each, topic));
  return `${quote(topic)} ${filter === undefined ? "is taken, as any topic is" : `matches ${filter}`}`;
}

function count({ length }: { length: number }, what: string): string {
  return `${length} ${what}${length === 1 ? "" : "s"}`;
}
