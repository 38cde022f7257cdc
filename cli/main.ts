#!/usr/bin/env node
/**
 * The command line: `serve`, `demo`, `check-config`, `explain`, `sink`, `drop-destination`.
 *
 * Exit status: 0 done; 1 failed while running; 2 bad usage or configuration, or a store written by a newer version.
 */
import nodeModule from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type LogLevel, logLevels } from "../pipeline/config/config.ts";
import { ConfigError, StoreVersionError, toError } from "../pipeline/errors.ts";
import { UsageError } from "./usage.ts";

const help = `Usage: mqtt-otlp-gateway COMMAND [OPTIONS]

MQTT messages in, OpenTelemetry out, nothing acknowledged ever lost.

  serve [--config PATH]          receive, store and deliver until SIGTERM or SIGINT
  check-config [--probe] PATH    say what a configuration means; exit 2 when it cannot be used
                                 --probe: ask the destinations, and the brokers of bridges, too;
                                 exit 1 when one does not answer well
  explain [--config PATH] --topic TOPIC [--source NAME] [--user-property NAME=VALUE]... FILE
                                 say what becomes of a message with the payload in FILE, or - for standard
                                 input, and print what would be sent; exit 1 when it would not be delivered
  demo [--keep]                  broker, gateway and receiver on this machine, with a small story
  sink [--host HOST] [--port N]  OTLP/gRPC receiver that prints what it decodes (127.0.0.1:4317)
  drop-destination [--config PATH] NAME
                                 give up what a destination that is no longer configured still owes; the
                                 gateway must not run; exit 2 when no such destination was removed

Options of every command:
  --log-level LEVEL              trace, debug, info, warn, error, fatal or silent
  --help                         this text
  --version                      the version

PATH is a .yaml, .yml or .json file, or a folder of them; GATEWAY_CONFIG stands in for --config.
`;

const options = {
  config: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
  keep: { type: "boolean" },
  probe: { type: "boolean" },
  topic: { type: "string" },
  source: { type: "string" },
  "user-property": { type: "string", multiple: true },
  "log-level": { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

/** The options that a command takes beside those of every command. */
const commandOptions: Record<string, readonly string[]> = {
  serve: ["config"],
  demo: ["keep"],
  "check-config": ["probe"],
  explain: ["config", "topic", "source", "user-property"],
  sink: ["host", "port"],
  "drop-destination": ["config"],
};

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help) return print(help);
  if (values.version) return print(`${(await import("../handlers/runtime/version.ts")).version}\n`);
  if (command === undefined) throw new UsageError("No command given");
  const taken = commandOptions[command];
  if (taken === undefined) throw new UsageError(`Unknown command "${command}"`);
  const extra = Object.keys(values).find((name) => name !== "log-level" && !taken.includes(name));
  if (extra !== undefined) throw new UsageError(`"${command}" takes no --${extra}`);
  const logLevel = values["log-level"];
  if (logLevel !== undefined && !isLogLevel(logLevel))
    throw new UsageError(`Unknown log level "${logLevel}": wanted ${logLevels.join(", ")}`);
  const environment = { ...process.env };

  switch (command) {
    case "check-config": {
      if (rest.length > 1) throw new UsageError('"check-config" takes one PATH');
      const { checkConfig } = await import("./check-config.ts");
      return checkConfig(rest[0] ?? environment.GATEWAY_CONFIG, {
        environment,
        probe: values.probe ?? false,
        write: (text) => process.stdout.write(text),
        writeError: (text) => process.stderr.write(text),
      });
    }
    case "explain": {
      const [file] = rest;
      if (file === undefined || rest.length > 1) throw new UsageError('"explain" takes one FILE');
      const { explainFile } = await import("./explain.ts");
      return explainFile({
        file,
        topic: values.topic,
        source: values.source,
        userProperties: values["user-property"] ?? [],
        configPath: values.config ?? environment.GATEWAY_CONFIG,
        environment,
        input: process.stdin,
        write: (text) => process.stdout.write(text),
      });
    }
    case "drop-destination": {
      const [name] = rest;
      if (name === undefined || rest.length > 1) throw new UsageError('"drop-destination" takes one NAME');
      const { dropDestination } = await import("./drop-destination.ts");
      return dropDestination({
        name,
        configPath: values.config ?? environment.GATEWAY_CONFIG,
        environment,
        write: (text) => process.stdout.write(text),
      });
    }
    default:
      if (rest.length > 0) throw new UsageError(`"${command}" takes no "${rest[0]}"`);
  }
  switch (command) {
    case "sink":
      return (await import("./sink.ts")).sink({ host: values.host, port: values.port });
    case "demo":
      return (await import("./demo.ts")).demo({ keep: values.keep ?? false });
    default:
      return (await import("../handlers/runtime/node.ts")).serve({
        configPath: values.config ?? environment.GATEWAY_CONFIG,
        environment,
        logLevel,
      });
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node goes on with how to pass it as a positional argument, which nobody means.
    const message = toError(error).message.replace(/\. To specify a positional .*$/s, "");
    throw new UsageError(message, { cause: error });
  }
}

function isLogLevel(text: string): text is LogLevel {
  return logLevels.some((level) => level === text);
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

/**
 * Halves the time to the first answer from the second start on. The folder is the user's own, because whoever can
 * write into it can change what runs; where there is none, nothing is cached. Threads learn of it by the variable.
 */
function cacheCompiledCode(environment: NodeJS.ProcessEnv): void {
  const base = environment.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  environment.NODE_COMPILE_CACHE ??= join(base, "mqtt-otlp-gateway", "compiled");
  nodeModule.enableCompileCache(environment.NODE_COMPILE_CACHE);
}

/** As `engines` of package.json has it. An older Node would fail at some import, with nothing but a stack. */
function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) return;
  process.stderr.write(`Cannot start: met Node ${version}, wanted 22.13 or newer\n`);
  process.exit(1);
}

/** What to tell the person at the terminal, and the exit status. */
function describeFailure(error: unknown): { text: string; status: 1 | 2 } {
  if (error instanceof UsageError)
    return { text: `${error.message}\nSee mqtt-otlp-gateway --help\n`, status: 2 };
  if (error instanceof ConfigError) return { text: `${error.message}\n`, status: 2 };
  return { text: `${toError(error).message}\n`, status: error instanceof StoreVersionError ? 2 : 1 };
}

checkNode(process.versions.node);
cacheCompiledCode(process.env);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { text, status } = describeFailure(error);
  process.stderr.write(text);
  // At once: what was half open would keep the process, and its store locked.
  process.exit(status);
}
