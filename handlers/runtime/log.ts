import type { Writable } from "node:stream";
import { pino, stdSerializers } from "pino";
import type { LogLevel } from "../../pipeline/config/config.ts";
import type { Logger } from "../../pipeline/logger.ts";

/**
 * One JSON object a line with `time`, `level`, `message` and fields; readable text when `terminal` is true.
 *
 * Source: contract of the log, README "Operating".
 */
export function createLogger(options: { level: LogLevel; stream: Writable; terminal: boolean }): Logger {
  const { level, stream, terminal } = options;
  const destination = { write: (line: string) => stream.write(terminal ? readable(line) : line) };
  return pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // JSON knows nothing of what an Error says.
      serializers: { error: stdSerializers.err },
    },
    destination,
  );
}

function readable(line: string): string {
  const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${isPlain(value) ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${[message, ...rest].join("  ")}\n`;
}

/** Text of a sender must not steer the terminal. */
function isPlain(value: unknown): value is string {
  return typeof value === "string" && !/\p{Cc}/u.test(value);
}
