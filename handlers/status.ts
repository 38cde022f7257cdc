import type { GatewayConfig } from "../pipeline/config/config.ts";
import { laneKey } from "../pipeline/message.ts";
import type { RequestCounters } from "../pipeline/refusals.ts";
import type { LaneLedger, Ledger, SourceLedger } from "../pipeline/store/batch-store.ts";
import type { LaneHealth } from "./app.ts";

export interface StatusOptions {
  version: string;
  startedAtUs: number;
  nowUs: number;
  ledger: Ledger;
  config: Pick<GatewayConfig, "sources">;
  counters: RequestCounters;
  /** By `laneKey`. */
  health: ReadonlyMap<string, LaneHealth>;
}

/** Of a lane in the ledger that nothing delivers. */
const notDelivered: LaneHealth = {
  health: "Unknown",
  reasonCode: null,
  reason: null,
  nextAttemptAtUs: null,
  retries: 0,
};

/** The ledger as an operator reads it. */
export function describeStatus({ ledger, ...options }: StatusOptions) {
  const total = (counter: Exclude<keyof SourceLedger, "lastReceivedAtUs">) =>
    Object.values(ledger.sources).reduce((sum, source) => sum + source[counter], 0);
  return {
    version: options.version,
    startedAt: isoTime(options.startedAtUs),
    acknowledge: "stored",
    received: total("received"),
    accepted: total("accepted"),
    duplicates: total("duplicates"),
    idConflicts: total("idConflicts"),
    expiredOnArrival: total("expired"),
    filtered: total("filtered"),
    deadLetteredOnArrival: total("deadLettered"),
    ignored: options.counters.ignored,
    refused: options.counters.totals(),
    sources: describeSources(options.config, ledger),
    bridges: {},
    store: ledger.store,
    deadLetters: ledger.deadLetters,
    destinations: describeDestinations(ledger, options),
  };
}

/** RFC 3339 in UTC, with milliseconds. */
export function isoTime(instantUs: number): string {
  return new Date(instantUs / 1000).toISOString();
}

/** Every configured source, also one that has sent nothing, and those that only the ledger still knows. */
function describeSources(config: StatusOptions["config"], ledger: Ledger) {
  const names = new Set([...config.sources.map(({ name }) => name), ...Object.keys(ledger.sources)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const counts = ledger.sources[name];
      const lastUs = counts?.lastReceivedAtUs;
      const lastReceivedAt = lastUs === undefined ? null : isoTime(lastUs);
      return [name, { received: counts?.received ?? 0, lastReceivedAt }];
    }),
  );
}

function describeDestinations(ledger: Ledger, options: Omit<StatusOptions, "ledger">) {
  const destinations: Record<string, Record<string, ReturnType<typeof describeLane>>> = {};
  for (const lane of ledger.lanes) {
    const { destination, signal } = lane.name;
    destinations[destination] ??= {};
    destinations[destination][signal] = describeLane(lane, options);
  }
  return destinations;
}

function describeLane(lane: LaneLedger, { nowUs, health }: Omit<StatusOptions, "ledger">) {
  const condition = health.get(laneKey(lane.name)) ?? notDelivered;
  return {
    owed: lane.owed,
    delivered: lane.delivered,
    expiredInStore: lane.expired,
    deadLettered: lane.deadLettered,
    pending: lane.pending,
    oldestPendingSeconds: ageSeconds(lane.oldestArrivedAtUs, nowUs),
    exportedItems: lane.exportedItems,
    rejectedItems: lane.rejectedItems,
    retries: condition.retries,
    health: condition.health,
    reasonCode: condition.reasonCode,
    reason: condition.reason,
    nextAttemptAt: condition.nextAttemptAtUs === null ? null : isoTime(condition.nextAttemptAtUs),
  };
}

/** 0 for nothing, and for what a clock that was set back makes come from the future. */
function ageSeconds(sinceUs: number | undefined, nowUs: number): number {
  return sinceUs === undefined ? 0 : Math.max(0, Math.floor((nowUs - sinceUs) / 1_000_000));
}
