import type { BridgeReport } from "../pipeline/bridge-report.ts";
import type { GatewayConfig } from "../pipeline/config/config.ts";
import { type CredentialCondition, type CredentialReport, daysUntil } from "../pipeline/credential-report.ts";
import { laneKey } from "../pipeline/message.ts";
import type { RequestCounters } from "../pipeline/refusals.ts";
import type { LaneLedger, Ledger, SourceLedger } from "../pipeline/store/batch-store.ts";
import type { LaneHealth } from "./app.ts";

export interface StatusOptions {
  version: string;
  startedAtUs: number;
  nowUs: number;
  ledger: Ledger;
  config: Pick<GatewayConfig, "acknowledge" | "sources" | "bridges" | "destinations">;
  counters: RequestCounters;
  bridges: readonly BridgeReport[];
  credentials: readonly CredentialReport[];
  /** By `laneKey`. */
  health: ReadonlyMap<string, LaneHealth>;
}

const notTried: LaneHealth = {
  health: "Unknown",
  reasonCode: null,
  reason: null,
  nextAttemptAtUs: null,
  retries: 0,
  overflowedReadings: 0,
  warning: null,
};

/** The lanes that an operator is told of: those that are configured, and those that owe something all the same. */
export function lanesOf({ lanes }: Ledger): LaneLedger[] {
  return lanes.filter(({ isConfigured, pending }) => isConfigured || pending > 0);
}

/** How a lane of the ledger does. `health` is by `laneKey`, and has those that are delivered. */
export function healthOf(
  { name, isConfigured, pending }: LaneLedger,
  health: ReadonlyMap<string, LaneHealth>,
): LaneHealth {
  if (isConfigured) return health.get(laneKey(name)) ?? notTried;
  return {
    ...notTried,
    health: "Unavailable",
    reasonCode: "DataflowOtelTargetConfigurationError",
    reason:
      `${laneKey(name)} is no longer configured, and ${pending} messages are kept for it: configure it again, ` +
      `or give them up with mqtt-otlp-gateway drop-destination ${name.destination}`,
  };
}

/** The ledger as an operator reads it. */
export function describeStatus({ ledger, ...options }: StatusOptions) {
  const total = (counter: Exclude<keyof SourceLedger, "lastReceivedAtUs">) =>
    Object.values(ledger.sources).reduce((sum, source) => sum + source[counter], 0);
  return {
    version: options.version,
    startedAt: isoTime(options.startedAtUs),
    acknowledge: options.config.acknowledge,
    received: total("received"),
    accepted: total("accepted"),
    duplicates: total("duplicates"),
    idConflicts: total("idConflicts"),
    expiredOnArrival: total("expired"),
    filtered: total("filtered"),
    deadLetteredOnArrival: total("deadLettered"),
    ignored: options.counters.ignored,
    refused: options.counters.totals(),
    sources: describeSources(options, ledger),
    bridges: describeBridges(options, ledger),
    store: ledger.store,
    deadLetters: ledger.deadLetters,
    destinations: describeDestinations(ledger, options),
    ...describeCredentials(options),
  };
}

/** RFC 3339 in UTC, with milliseconds. */
export function isoTime(instantUs: number): string {
  return new Date(instantUs / 1000).toISOString();
}

/** Every configured source, also one that has sent nothing, and those that only the ledger still knows. */
function describeSources({ config, bridges }: Pick<StatusOptions, "config" | "bridges">, ledger: Ledger) {
  const names = new Set([...config.sources.map(({ name }) => name), ...Object.keys(ledger.sources)]);
  for (const { name } of bridges) names.delete(name);
  return Object.fromEntries(
    [...names].map((name) => {
      return [name, describeArrivals(ledger.sources[name])];
    }),
  );
}

function describeArrivals({ received = 0, lastReceivedAtUs }: Partial<SourceLedger> = {}) {
  return { received, lastReceivedAt: lastReceivedAtUs === undefined ? null : isoTime(lastReceivedAtUs) };
}

function describeBridges({ bridges, config, nowUs }: Omit<StatusOptions, "ledger">, ledger: Ledger) {
  return Object.fromEntries(
    bridges.map(({ name, connected, credentials, ...counts }) => {
      const endpoint = endpointOf(config.bridges.find((bridge) => bridge.name === name)?.url);
      const arrivals = describeArrivals(ledger.sources[name]);
      const ends = credentials && hasNews(credentials) && describeCondition(credentials, nowUs);
      return [name, { endpoint, connected, ...arrivals, ...counts, ...(ends && { credentials: ends }) }];
    }),
  );
}

/** Scheme, host and port, without what may be a secret around them; null: it is not configured. */
function endpointOf(url: string | undefined): string | null {
  return url?.replace(/^(\w+:\/\/)(?:[^/?#]*@)?([^/?#]*).*$/s, "$1$2") ?? null;
}

function describeDestinations(ledger: Ledger, options: Omit<StatusOptions, "ledger">) {
  const destinations: Record<string, Record<string, ReturnType<typeof describeLane>>> = {};
  for (const lane of lanesOf(ledger)) {
    const { destination, signal } = lane.name;
    destinations[destination] ??= {};
    destinations[destination][signal] = describeLane(lane, options);
  }
  return destinations;
}

/** Of destinations that have any, or that lack what they should have; nothing when there are none. */
function describeCredentials({ credentials, nowUs }: Pick<StatusOptions, "credentials" | "nowUs">) {
  const reports = credentials.filter(hasNews);
  if (reports.length === 0) return {};
  const described = reports.map(({ destination, ...condition }) => {
    return [destination, describeCondition(condition, nowUs)];
  });
  return { credentials: Object.fromEntries(described) };
}

function hasNews({ problem, expirations }: CredentialCondition): boolean {
  return problem !== null || expirations.length > 0;
}

function describeCondition({ problem, expirations }: CredentialCondition, nowUs: number) {
  const ends = expirations.map(({ credential, expiresAtUs }) => {
    const daysToExpiry = daysUntil(expiresAtUs, nowUs);
    return [credential, { expiresAt: isoTime(expiresAtUs), daysToExpiry }];
  });
  return { problem, ...Object.fromEntries(ends) };
}

function describeLane(lane: LaneLedger, { nowUs, health, config }: Omit<StatusOptions, "ledger">) {
  const condition = healthOf(lane, health);
  const { destination, signal } = lane.name;
  const configured = config.destinations.find(
    ({ name, signals }) => name === destination && signals.includes(signal),
  );
  return {
    endpoint: endpointOf(configured?.signalUrls[signal]),
    protocol: configured?.protocol ?? null,
    owed: lane.owed,
    delivered: lane.delivered,
    expiredInStore: lane.expired,
    deadLettered: lane.deadLettered,
    pending: lane.pending,
    oldestPendingSeconds: ageSeconds(lane.oldestArrivedAtUs, nowUs),
    exportedItems: lane.exportedItems,
    rejectedItems: lane.rejectedItems,
    ...(signal === "metrics" && { overflowedReadings: condition.overflowedReadings }),
    retries: condition.retries,
    health: condition.health,
    reasonCode: condition.reasonCode,
    reason: condition.reason ?? condition.warning,
    nextAttemptAt: condition.nextAttemptAtUs === null ? null : isoTime(condition.nextAttemptAtUs),
  };
}

/** 0 for nothing, and for what a clock that was set back makes come from the future. */
function ageSeconds(sinceUs: number | undefined, nowUs: number): number {
  return sinceUs === undefined ? 0 : Math.max(0, Math.floor((nowUs - sinceUs) / 1_000_000));
}
