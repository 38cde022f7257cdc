import { createHash } from "node:crypto";
import type { LaneName } from "../../pipeline/message.ts";
import type { Arrival, BatchStore, StoreOptions, Verdict } from "../../pipeline/store/batch-store.ts";

export const metricsLane: LaneName = { destination: "collector", signal: "metrics" };
export const logsLane: LaneName = { destination: "collector", signal: "logs" };

/** Room enough for every test that does not fill it on purpose. */
export const roomy: Omit<StoreOptions, "path"> = {
  bytesMax: 64_000_000,
  deadLetterBytesMax: 16_000_000,
  dedupe: { windowSeconds: 3600, entriesMax: 10_000 },
  lanes: [metricsLane, logsLane],
};

export const startUs = Date.UTC(2026, 0, 5, 10) * 1000;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

/** 16 bytes: a key made of source and message id, then a digest of the payload. */
export function identityOf(source: string, messageId: string, body: string): Uint8Array {
  const half = (input: string) => createHash("sha256").update(input).digest().subarray(0, 8);
  return new Uint8Array(Buffer.concat([half(`${source}\n${messageId}`), half(body)]));
}

export interface ArrivalOptions {
  source?: string;
  messageId?: string;
  arrivedAtUs?: number;
}

/** An arrival with a given body, verdict, and an identity when it has a message id. */
export function arrival(body: string, verdict: Verdict, options: ArrivalOptions = {}): Arrival {
  const { source = "plant", messageId, arrivedAtUs = startUs } = options;
  return {
    message: { source, topic: "plant/line1", payload: bytes(body), messageId, userProperties: [] },
    arrivedAtUs,
    identity: messageId === undefined ? undefined : identityOf(source, messageId, body),
    verdict,
  };
}

export const filtered: Verdict = { kind: "filtered", reason: "mapping" };
export const expired: Verdict = { kind: "expired" };
export const invalid: Verdict = {
  kind: "deadLettered",
  reason: "invalidPayload",
  path: "metrics[0].value",
  detail: "Cannot read a u64_gauge: met -1",
};

/** A verdict of acceptance, owed by these lanes of the store. */
export function owedBy(store: BatchStore, names: readonly LaneName[], expiresAtUs?: number): Verdict {
  return {
    kind: "accepted",
    lanes: names.reduce((sum, name) => sum + store.lane(name).mask, 0),
    ...(expiresAtUs === undefined ? {} : { expiresAtUs }),
  };
}

/** Fails when the sums of the ledger do not hold. */
export async function ledgerOf(store: BatchStore) {
  const ledger = await store.ledger();
  for (const [name, source] of Object.entries(ledger.sources)) {
    const { received, accepted, duplicates, expired, filtered, deadLettered } = source;
    if (received !== accepted + duplicates + expired + filtered + deadLettered) {
      throw new Error(`The ledger of source ${name} does not add up: ${JSON.stringify(source)}`);
    }
  }
  for (const lane of ledger.lanes) {
    const { owed, delivered, expired, deadLettered, pending } = lane;
    if (owed !== delivered + expired + deadLettered + pending) {
      throw new Error(`The ledger of a lane does not add up: ${JSON.stringify(lane)}`);
    }
  }
  return ledger;
}
