/** What the tests of a bridge have in common: its configuration, and a receiver whose answers a test gives. */
import type { IPublishPacket } from "mqtt";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import type { Receiver } from "../../pipeline/receive.ts";
import type { Element, ReadMessage, Stored } from "../../pipeline/source/adapter.ts";

export function bridgeConfig(fields: Partial<BridgeConfig> = {}): BridgeConfig {
  return {
    name: "plant",
    url: "mqtt://127.0.0.1:1883",
    protocolVersion: 5,
    authentication: { method: "Anonymous" },
    trustedCaFolder: undefined,
    trustedCaFile: undefined,
    sharedSubscription: undefined,
    topicFilters: ["plant/#"],
    qos: 1,
    retained: false,
    keepAliveSeconds: 60,
    sessionExpirySeconds: 600,
    maxInflightMessages: 10,
    clientIdPrefix: "",
    lenient: false,
    counterValues: "increment",
    attributes: {},
    attributeValuesMax: 1000,
    baggage: [],
    ...fields,
  };
}

export function publishPacket(fields: Partial<IPublishPacket> = {}): IPublishPacket {
  const payload = Buffer.from(fields.payload ?? "{}");
  return { cmd: "publish", topic: "plant/a", qos: 1, dup: false, retain: false, ...fields, payload };
}

interface Call {
  /** The first one. */
  message: ReadMessage;
  elements: readonly Element[];
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal | undefined;
  /** Payloads of all of them. */
  text: string;
  accept(): void;
  fail(error: Error): void;
}

export interface HeldReceiver extends Pick<Receiver, "receive"> {
  /** What was given to it, in order. */
  readonly calls: readonly Call[];
  /** Resolves when so many were. */
  until(count: number): Promise<void>;
}

const accepted: Stored = { accepted: 1, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };

/** A receiver that answers when it is told to. */
export function createHeldReceiver(): HeldReceiver {
  const calls: Call[] = [];
  const watchers: { count: number; resolve: () => void }[] = [];
  return {
    calls,
    receive(_, { elements }, options) {
      const messages = elements.flatMap((element) => (element.kind === "message" ? [element.message] : []));
      const [message] = messages;
      if (!message) throw new Error("Wanted a message");
      const answer = Promise.withResolvers<Stored>();
      calls.push({
        message,
        elements,
        signal: options?.signal,
        text: messages.map(({ payload }) => Buffer.from(payload).toString()).join(),
        accept: () => answer.resolve(accepted),
        fail: answer.reject,
      });
      for (const { count, resolve } of watchers) if (calls.length >= count) resolve();
      return answer.promise;
    },
    until(count) {
      if (calls.length >= count) return Promise.resolve();
      return new Promise((resolve) => watchers.push({ count, resolve }));
    },
  };
}

/** Resolves when what is under way without a timer has been done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
