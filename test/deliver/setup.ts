import { createLaneDelivery, type LaneDelivery, type LaneDeliveryDeps } from "../../pipeline/deliver-lane.ts";
import type { LaneName } from "../../pipeline/message.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import type { Items, Parsed } from "../../pipeline/payload/format.ts";
import type { BatchStore, Lane, StoredMessage } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeExporter } from "../support/fake-exporter.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

export const metricsLane: LaneName = { destination: "collector", signal: "metrics" };
export const logsLane: LaneName = { destination: "collector", signal: "logs" };

export interface FakeEncoder extends Encoder {
  /** Bodies of the messages whose values the state holds. */
  readonly values: readonly string[];
  /** Bodies of the messages whose series began a new sequence, each "before" those that it was sent with. */
  readonly restarted: readonly string[];
}

/** A request is the texts of its messages, one a line, after the number of texts in the state. */
export function createFakeEncoder({ requestBytesMax = 1_000_000 } = {}): FakeEncoder {
  const values: string[] = [];
  const restarted: string[] = [];
  const bytes = (text: string) => new TextEncoder().encode(text);
  const text = (message: StoredMessage) => new TextDecoder().decode(message.payload);

  return {
    values,
    restarted,
    overflowedReadings: 0,
    get series() {
      return values.length;
    },
    load(chunks) {
      if (chunks.some((chunk) => chunk[0] === 0xff))
        throw new Error("Cannot load: met version 255, wanted 1");
      for (const chunk of chunks) values.push(...new TextDecoder().decode(chunk).split("\n"));
    },
    begin() {
      const added: string[] = [];
      let size = 0;
      return {
        add(message) {
          const length = text(message).length + 1;
          if (size + length > requestBytesMax) return false;
          size += length;
          added.push(text(message));
          if (text(message).startsWith("crash add")) {
            added.push("what is left of a failure");
            throw new RangeError("Offset is outside the bounds of the DataView");
          }
          return true;
        },
        get messages() {
          return added.length;
        },
        finish() {
          if (added.includes("crash finish")) throw new RangeError("Invalid array length");
          return {
            request: added.length === 0 ? undefined : bytes([`after ${values.length}`, ...added].join("\n")),
            items: added.length,
          };
        },
        commit() {
          if (added.length === 0) return undefined;
          values.push(...added);
          return { kind: "append", bytes: bytes(added.join("\n")) };
        },
      };
    },
    restart(message) {
      const texts = [text(message)];
      return {
        follow: (later) => texts.push(text(later)),
        also: (refused) => texts.push(text(refused)),
        commit() {
          restarted.push(texts.join(" before "));
          return { kind: "append", bytes: bytes(`restart ${text(message)}`) };
        },
      };
    },
  };
}

/** The texts of the messages in a request of the fake encoder. */
export function textsOf(request: Uint8Array | undefined): string[] {
  return new TextDecoder().decode(request).split("\n").slice(1);
}

function parse(message: StoredMessage): Parsed {
  const text = new TextDecoder().decode(message.payload);
  if (text.startsWith("crash parse")) throw new TypeError("Cannot read properties of undefined");
  if (text.startsWith("broken")) {
    return { kind: "refused", refusal: { path: "metrics[0].value", message: "Cannot read a value" } };
  }
  return { kind: "items", items: { metrics: [], logs: [] } };
}

/** `store`, with some methods of its lanes replaced. */
export function patched(store: BatchStore, patch: (lane: Lane) => Partial<Lane>): BatchStore {
  return {
    ...store,
    lane(name) {
      const lane = store.lane(name);
      const methods = {
        position: () => lane.position(),
        backlog: () => lane.backlog(),
        read: (afterId: number, rowsMax: number) => lane.read(afterId, rowsMax),
        state: (afterId: number) => lane.state(afterId),
        seal: (...parameters: Parameters<Lane["seal"]>) => lane.seal(...parameters),
        settle: (...parameters: Parameters<Lane["settle"]>) => lane.settle(...parameters),
        postpone: (...parameters: Parameters<Lane["postpone"]>) => lane.postpone(...parameters),
      };
      return { name: lane.name, mask: lane.mask, ...methods, ...patch(lane) };
    },
  };
}

/** A lane's delivery with everything around it under the test's control. */
export function setUp(
  options: Partial<LaneDeliveryDeps["batching"]> & {
    requestBytesMax?: number;
    deliverWithinMs?: number;
    store?: BatchStore;
    clock?: ReturnType<typeof createFakeClock>;
    laneName?: LaneName;
    restatement?: LaneDeliveryDeps["restatement"];
    /** In place of the fake one, with the items of each text. */
    real?: { encoder: Encoder; itemsOf: (text: string) => Items };
  } = {},
) {
  const {
    store = openMemoryStore({
      bytesMax: 100_000_000,
      deadLetterBytesMax: 10_000_000,
      dedupe: { windowSeconds: 0, entriesMax: 0 },
      lanes: [metricsLane, logsLane],
    }),
    clock = createFakeClock(),
    laneName = metricsLane,
    real,
  } = options;
  const exporter = createFakeExporter();
  const logger = createFakeLogger();
  const encoder = createFakeEncoder(options);
  const lane = store.lane(laneName);
  const failing = new Set<string>();
  const exports: { outcome: string; durationMs: number }[] = [];
  const delivery: LaneDelivery = createLaneDelivery({
    lane,
    encoder: real?.encoder ?? encoder,
    exporter,
    parse(message) {
      const text = new TextDecoder().decode(message.payload);
      if (failing.has(text)) throw new TypeError("A new version fails");
      return real ? { kind: "items", items: real.itemsOf(text) } : parse(message);
    },
    batching: { latencyMs: options.latencyMs ?? 5_000, maxMessages: options.maxMessages ?? 0 },
    deliverWithinMs: options.deliverWithinMs,
    restatement: options.restatement,
    clock,
    logger,
    random: () => 0.5,
    onExport: (outcome, durationMs) => exports.push({ outcome, durationMs }),
  });

  /** Append one message for each text, owed by the lane (or by `lanes`). */
  async function append(texts: readonly string[], message: { expiresAtUs?: number; lanes?: number } = {}) {
    const { lanes = lane.mask, expiresAtUs } = message;
    await store.append(
      texts.map((body) => ({
        message: { source: "s", topic: "t", payload: new TextEncoder().encode(body), userProperties: [] },
        arrivedAtUs: clock.nowUs(),
        verdict: { kind: "accepted", lanes, expiresAtUs },
      })),
    );
  }

  async function ledger() {
    const found = (await store.ledger()).lanes.find(({ name }) => name === lane.name);
    if (!found) throw new Error("The lane has no ledger");
    return found;
  }

  const deadLetters = () => store.deadLetters.list({ afterId: 0, limit: 1000 });

  return {
    store,
    clock,
    lane,
    exporter,
    encoder,
    logger,
    delivery,
    exports,
    append,
    ledger,
    deadLetters,
    /** From now on the code fails on messages of this text. */
    failOn: (text: string) => failing.add(text),
    flush: () => delivery.flush({ force: true }),
    /** Texts of each request that was sent. */
    sent: () => exporter.requests.map(textsOf),
  };
}

/** The loop of a lane that was set up; `end` stops it and waits until it has ended. */
export function running<Around extends { delivery: LaneDelivery }>(around: Around) {
  const stop = new AbortController();
  const ended = around.delivery.run(stop.signal);
  return {
    ...around,
    async end() {
      stop.abort();
      await ended;
    },
  };
}
