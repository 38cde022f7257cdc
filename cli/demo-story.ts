/**
 * The demo's sample data: one shift of a thermostat line. Temperatures, a counter of parts, a histogram of cycle
 * times and a few log lines, one message that breaks the schema, one that is too old, and one that comes twice.
 */
import type { UserProperty } from "../pipeline/message.ts";

export interface Scene {
  /** What the reader should see in it. */
  caption: string;
  topic: string;
  payload: unknown;
  messageId: string;
  publishedAt?: string;
  messageExpiryInterval?: number;
  userProperties?: UserProperty[];
}

/** What the receiver must have got when the story is over. */
export interface Ending {
  /** Temperature readings, one gauge point each. */
  readings: number;
  /** Last value of the cumulative counter. */
  parts: number;
  /** Last count of the cumulative histogram. */
  cycles: number;
  logRecords: number;
  received: number;
  accepted: number;
  duplicates: number;
  expired: number;
  deadLettered: number;
}

/** A scene's payload as JSON text. JSON has no bigint: nanoseconds stand in the payload as "…n" until now. */
export function payloadText({ payload }: Scene): string {
  return JSON.stringify(payload).replace(/"timestamp":"(\d+)n"/g, '"timestamp":$1');
}

const line = (value: string) => [{ key: "line", value }];

/** The scenes, told so that the newest happens at `nowUnixNano`. */
export function tellStory(nowUnixNano: bigint): { mqtt: Scene[]; webhook: Scene[]; ending: Ending } {
  const at = (secondsAgo: number) => nowUnixNano - BigInt(secondsAgo) * 1_000_000_000n;
  const nano = (secondsAgo: number) => `${at(secondsAgo)}n`;
  const temperature = (value: number, secondsAgo: number): Scene => ({
    caption: `${value} °C`,
    topic: "plant/line1/thermostat",
    messageId: `t-${secondsAgo}`,
    payload: {
      metrics: [
        { name: "temperature", type: "f64_gauge", value, timestamp: nano(secondsAgo), attributes: line("1") },
      ],
    },
  });
  const press = (parts: number, cycleSeconds: number[], id: string): Scene => ({
    caption: `${parts} more parts, cycle times ${cycleSeconds.join(", ")} s`,
    topic: "plant/line1/press",
    messageId: id,
    payload: {
      metrics: [
        { name: "parts", type: "u64_counter", value: parts, timestamp: nano(4), attributes: line("1") },
        ...cycleSeconds.map((value) => ({
          name: "cycle_time",
          type: "f64_histogram",
          value,
          timestamp: nano(4),
          attributes: line("1"),
        })),
      ],
    },
  });
  const log = (level: string, value: string, id: string, userProperties: UserProperty[] = []): Scene => ({
    caption: value,
    topic: "plant/line1/controller",
    messageId: id,
    userProperties,
    payload: { logs: [{ level, value, timestamp: nano(2) }] },
  });

  return {
    mqtt: [
      temperature(71.5, 9),
      temperature(72.25, 6),
      temperature(78.5, 3),
      press(12, [3.1, 3.4], "p-1"),
      press(11, [3.2, 7.9], "p-2"),
      log("info", "Shift started", "l-1"),
      log("warn", "Temperature above 75 °C", "l-2", [
        ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
      ]),
      {
        caption: 'a temperature of "hot", which is no number',
        topic: "plant/line1/thermostat",
        messageId: "t-broken",
        payload: { metrics: [{ name: "temperature", type: "f64_gauge", value: "hot" }] },
      },
    ],
    webhook: [
      log("error", "Emergency stop", "l-3"),
      { ...log("error", "Emergency stop", "l-3"), caption: "the same again, as after a lost answer" },
      {
        ...temperature(70, 60),
        caption: "70 °C, a minute old with an expiry of 30 s",
        messageId: "t-old",
        publishedAt: new Date(Number(at(60) / 1_000_000n)).toISOString(),
        messageExpiryInterval: 30,
      },
    ],
    ending: {
      readings: 3,
      parts: 23,
      cycles: 4,
      logRecords: 3,
      received: 11,
      accepted: 8,
      duplicates: 1,
      expired: 1,
      deadLettered: 1,
    },
  };
}
