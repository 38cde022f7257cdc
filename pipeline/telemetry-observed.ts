import type { BridgeReport } from "./bridge-report.ts";
import { type CredentialCondition, type CredentialReport, daysUntil } from "./credential-report.ts";
import { healthNames, type LaneCondition, reasonCodes } from "./deliver-health.ts";
import type { FilterCounters } from "./filtered.ts";
import type { LaneName } from "./message.ts";
import type { OddityCounters } from "./oddities.ts";
import type { RequestCounters } from "./refusals.ts";
import type { LaneLedger, Ledger, SourceLedger } from "./store/batch-store.ts";

/** What is read at each scrape. */
export interface Scraped {
  ledger: Ledger;
  /** How each lane of the ledger does, and what it counted since the process began. */
  conditions: readonly Condition[];
  credentials: readonly CredentialReport[];
  bridges: readonly BridgeReport[];
  nowUs: number;
}

interface Condition extends Pick<LaneCondition, "health" | "reasonCode"> {
  lane: LaneName;
  overflowedReadings: number;
}

interface Point {
  value: number;
  attributes?: Record<string, string>;
}

/** One instrument whose points are read at each scrape. */
export interface Observed {
  kind: "counter" | "gauge";
  name: string;
  description: string;
  points(scraped: Scraped): Point[];
}

/** What is counted beside the ledger, since the process began. */
export interface ProcessCounters {
  requests: RequestCounters;
  oddities: OddityCounters;
  filtered: FilterCounters;
}

/** What is read from the ledger, and from the counters beside it, at each scrape. */
export function observed({ requests, oddities, filtered }: ProcessCounters): Observed[] {
  return [
    ofSources("gateway_messages_received_total", "Acknowledged messages", (source) => source.received),
    ofSources("gateway_messages_accepted_total", "Messages taken for delivery", (source) => source.accepted),
    ofSources(
      "gateway_messages_duplicate_total",
      "Repeats that were acknowledged",
      (source) => source.duplicates,
    ),
    {
      kind: "counter",
      name: "gateway_messages_expired_total",
      description: "Messages past their Message Expiry Interval, on arrival or in the store",
      points: ({ ledger }) => [
        { value: sum(Object.values(ledger.sources)), attributes: { stage: "arrival" } },
        { value: sum(ledger.lanes), attributes: { stage: "delivery" } },
      ],
    },
    {
      kind: "counter",
      name: "gateway_messages_filtered_total",
      description: "Messages that were dropped by a rule",
      points: () =>
        [...filtered.bySource()].map(({ source, reason, count }) => ({
          value: count,
          attributes: { source, reason },
        })),
    },
    {
      kind: "counter",
      name: "gateway_messages_dead_lettered_total",
      description: "Messages that became dead letters",
      points: ({ ledger }) =>
        ledger.deadLettered.map(({ stage, reason, count }) => ({
          value: count,
          attributes: { stage, reason },
        })),
    },
    ofLanes(
      "counter",
      "gateway_messages_delivered_total",
      "Messages that a lane delivered",
      (lane) => lane.delivered,
    ),
    ofLanes("gauge", "gateway_messages_pending", "Messages that a lane still owes", (lane) => lane.pending),
    ofLanes(
      "gauge",
      "gateway_oldest_pending_seconds",
      "Age of the oldest message that a lane owes",
      (lane, nowUs) =>
        lane.oldestArrivedAtUs === undefined ? 0 : Math.max(0, (nowUs - lane.oldestArrivedAtUs) / 1_000_000),
    ),
    ofLanes(
      "counter",
      "gateway_items_exported_total",
      "Items that a receiver took",
      (lane) => lane.exportedItems,
    ),
    ofLanes(
      "counter",
      "gateway_items_rejected_total",
      "Items that a receiver rejected",
      (lane) => lane.rejectedItems,
    ),
    {
      kind: "counter",
      name: "gateway_readings_overflowed_total",
      description: "Readings that had no series of their own and went into one that others share",
      points: ({ conditions }) =>
        conditions
          .filter(({ lane }) => lane.signal === "metrics")
          .map(({ lane: { destination }, overflowedReadings }) => ({
            value: overflowedReadings,
            attributes: { destination },
          })),
    },
    ofConditions(
      "gateway_destination_health",
      "1 for the health that a destination has, 0 for each other one",
      "health",
      healthNames,
    ),
    ofConditions(
      "gateway_destination_health_reason",
      "1 for the code of why a destination does not do better, 0 for each other one",
      "reasonCode",
      reasonCodes,
    ),
    {
      kind: "counter",
      name: "gateway_requests_refused_total",
      description: "Requests that were never acknowledged",
      points: () =>
        [...requests.bySource()].map(({ source, reason, count }) => ({
          value: count,
          attributes: { source, reason },
        })),
    },
    {
      kind: "counter",
      name: "gateway_payload_oddities_total",
      description: "Things in payloads that were taken, though their sender may have meant something else",
      points: () =>
        [...oddities.bySource()].map(({ source, oddity, count }) => ({
          value: count,
          attributes: { source, oddity },
        })),
    },
    {
      kind: "gauge",
      name: "gateway_credential_days_to_expiry",
      description:
        "Days until a token, a client certificate or a trusted authority ends; negative when it has",
      points: ({ credentials, bridges, nowUs }) => [
        ...credentials.flatMap(({ destination, ...condition }) =>
          daysToExpiry({ destination }, condition, nowUs),
        ),
        ...bridges.flatMap(({ name: bridge, credentials: condition }) =>
          condition === undefined ? [] : daysToExpiry({ bridge }, condition, nowUs),
        ),
      ],
    },
    ofBridges(
      "gauge",
      "gateway_bridge_connected",
      "1 while a bridge is connected and subscribed",
      (bridge) => (bridge.connected ? 1 : 0),
    ),
    ofBridges(
      "counter",
      "gateway_bridge_retained_skipped_total",
      "Retained messages that a broker sent when the subscription was made, and that were not taken",
      (bridge) => bridge.retainedSkipped,
    ),
    ofBridges(
      "counter",
      "gateway_bridge_dropped_when_busy_total",
      "Messages of QoS 0 that could not be stored at once",
      (bridge) => bridge.droppedWhenBusy,
    ),
    {
      kind: "gauge",
      name: "gateway_store_bytes",
      description: "Size of the store",
      points: ({ ledger }) => [{ value: ledger.store.bytes }],
    },
    {
      kind: "gauge",
      name: "gateway_store_bytes_max",
      description: "Quota of the store; a part of it is kept free for what is not a message",
      points: ({ ledger }) => [{ value: ledger.store.bytesMax }],
    },
  ];
}

function daysToExpiry(
  owner: { destination: string } | { bridge: string },
  { expirations }: CredentialCondition,
  nowUs: number,
): Point[] {
  return expirations.map(({ credential, expiresAtUs }) => ({
    value: daysUntil(expiresAtUs, nowUs),
    attributes: { ...owner, credential },
  }));
}

function ofSources(name: string, description: string, read: (source: SourceLedger) => number): Observed {
  return {
    kind: "counter",
    name,
    description,
    points: ({ ledger }) =>
      Object.entries(ledger.sources).map(([source, counts]) => ({
        value: read(counts),
        attributes: { source },
      })),
  };
}

function ofLanes(
  kind: Observed["kind"],
  name: string,
  description: string,
  read: (lane: LaneLedger, nowUs: number) => number,
): Observed {
  return {
    kind,
    name,
    description,
    points: ({ ledger, nowUs }) =>
      ledger.lanes.map((lane) => ({ value: read(lane, nowUs), attributes: { ...lane.name } })),
  };
}

function ofBridges(
  kind: Observed["kind"],
  name: string,
  description: string,
  read: (bridge: BridgeReport) => number,
): Observed {
  return {
    kind,
    name,
    description,
    points: ({ bridges }) =>
      bridges.map((bridge) => ({ value: read(bridge), attributes: { bridge: bridge.name } })),
  };
}

/** One point for each value that a condition may have, so that each can be watched. */
function ofConditions<Field extends "health" | "reasonCode">(
  name: string,
  description: string,
  field: Field,
  values: readonly Condition[Field][],
): Observed {
  const label = field === "health" ? "health" : "reason_code";
  return {
    kind: "gauge",
    name,
    description,
    points: ({ conditions }) =>
      conditions.flatMap(({ lane, ...condition }) =>
        values.map((value) => ({
          value: condition[field] === value ? 1 : 0,
          attributes: { ...lane, [label]: String(value) },
        })),
      ),
  };
}

function sum(counts: { expired: number }[]): number {
  return counts.reduce((total, { expired }) => total + expired, 0);
}
