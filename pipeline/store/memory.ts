import { systemClock } from "../clock.ts";
import { replaying, StoreFullError, storing } from "../errors.ts";
import { type LaneName, type LastValue, laneKey, type MqttMessage } from "../message.ts";
import {
  type AppendResult,
  type Arrival,
  type BatchStore,
  type DeadLetterReason,
  isAmong,
  type Ledger,
  type SourceLedger,
  type StoredLastValue,
  type StoredMessage,
  type StoreOptions,
} from "./batch-store.ts";
import { createBurials } from "./burials.ts";
import { type DedupeFinding, DedupeTable } from "./dedupe.ts";
import { createDeadLetters } from "./memory-dead-letters.ts";
import { MemoryLane, type Row } from "./memory-lane.ts";
import { createOwedIds } from "./owed-ids.ts";

/** What a message costs beside its payload and texts: objects, queue entries, properties. */
const rowBytes = 256;

/**
 * The store for hosts without a disk, and the model that the others are compared with. Nothing of it survives
 * the process, so it may only stand behind a gateway that acknowledges what was delivered.
 *
 * Units: `bytesMax` counts payloads, texts and a flat amount for each message.
 */
export function openMemoryStore(options: Omit<StoreOptions, "path">): BatchStore {
  let lastId = 0;
  let bytes = 0;
  const sources: Record<string, SourceLedger> = {};
  const died = new Map<string, Ledger["deadLettered"][number]>();
  const lastValues = new Map<string, StoredLastValue>();
  const debts = () => lanes.flatMap((lane) => lane.debt() ?? []);
  const dedupe = new DedupeTable({ ...options.dedupe, debts: options.reportsOwed ? debts : undefined });
  const graves = createDeadLetters({ bytesMax: options.deadLetterBytesMax, bytesOf: messageBytes });

  const lanes = options.lanes.map(
    ({ destination, signal }, index) =>
      new MemoryLane({ destination, signal }, 2 ** index, {
        lastId: () => lastId,
        release(rows) {
          for (const row of rows) {
            row.owedBy -= 1;
            if (row.owedBy === 0) bytes -= row.bytes;
          }
        },
        bury({ message }, lane, { reason, path = "", detail, possiblyDelivered }, burials) {
          const { id: _, arrivedAtUs, expiresAtUs: __, isReplay: ___, ...rest } = message;
          const letter = { message: rest, reason, path, detail, possiblyDelivered };
          burials.add(graves.add({ ...letter, arrivedAtUs, diedAtUs: systemClock.nowUs(), lane }), letter);
          countDead("delivery", reason);
        },
      }),
  );

  function countDead(stage: "arrival" | "delivery", reason: DeadLetterReason) {
    const key = `${stage}/${reason}`;
    const entry = died.get(key) ?? { stage, reason, count: 0 };
    entry.count += 1;
    died.set(key, entry);
  }

  function sourceLedger(source: string): SourceLedger {
    sources[source] ??= {
      received: 0,
      accepted: 0,
      duplicates: 0,
      idConflicts: 0,
      expired: 0,
      filtered: 0,
      deadLettered: 0,
      lastReceivedAtUs: undefined,
    };
    return sources[source];
  }

  function lanesOf(mask: number): MemoryLane[] {
    return lanes.filter((lane) => isAmong(mask, lane.mask));
  }

  function checkRoom(addedBytes: number, what: string) {
    if (addedBytes > 0 && bytes + addedBytes > options.bytesMax) {
      throw new StoreFullError(
        `Cannot ${what}: the store's quota is used up, ${bytes} bytes stored and ${addedBytes} more, limit is ${options.bytesMax} bytes`,
      );
    }
  }

  function store(
    message: MqttMessage,
    {
      lanes: mask,
      ...times
    }: { lanes: number } & Pick<StoredMessage, "arrivedAtUs" | "expiresAtUs" | "isReplay">,
  ) {
    lastId += 1;
    const stored = { ...message, payload: new Uint8Array(message.payload), id: lastId, ...times };
    const row: Row = { message: stored, bytes: messageBytes(message), owedBy: 0 };
    for (const lane of lanesOf(mask)) lane.owe(row);
    if (row.owedBy > 0) bytes += row.bytes;
  }

  /** Expiry comes first, then repeats, then the other verdicts. */
  function findRepeat({ identity, verdict, arrivedAtUs }: Arrival, id: number): DedupeFinding {
    if (!identity || !dedupe.enabled || verdict.kind === "expired") return "new";
    const debt = verdict.kind === "accepted" ? { id, lanes: verdict.lanes } : undefined;
    return dedupe.add(identity, arrivedAtUs, debt);
  }

  /** The next id is the message's own when it is accepted. */
  function findRepeats(arrivals: readonly Arrival[]) {
    let nextId = lastId + 1;
    return arrivals.map((arrival) => {
      const repeat = findRepeat(arrival, nextId);
      if (arrival.verdict.kind === "accepted" && repeat !== "duplicate") nextId += 1;
      return { arrival, repeat };
    });
  }

  function remember(value: LastValue, { source, topic }: MqttMessage, metAtUs: number) {
    const { rule, input, member } = value;
    const key = JSON.stringify([rule, input, member, source, topic]);
    lastValues.set(key, { ...value, source, topic, metAtUs });
  }

  async function append(arrivals: readonly Arrival[]): Promise<AppendResult> {
    const firstSequence = dedupe.nextSequence;
    const judged = findRepeats(arrivals);
    let addedBytes = 0;
    for (const { arrival, repeat } of judged) {
      const { verdict, message } = arrival;
      const isStored =
        repeat !== "duplicate" && verdict.kind === "accepted" && lanesOf(verdict.lanes).length > 0;
      if (isStored) addedBytes += messageBytes(message);
    }
    try {
      checkRoom(addedBytes, storing);
    } catch (error) {
      dedupe.rollback(firstSequence);
      throw error;
    }

    const result: AppendResult = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
    const owedIds = options.reportsOwed ? createOwedIds() : undefined;
    const burials = createBurials();
    const repeats: number[] = [];
    for (const [index, { arrival, repeat }] of judged.entries()) {
      const { message, arrivedAtUs, verdict, identity } = arrival;
      const counts = sourceLedger(message.source);
      counts.received += 1;
      counts.lastReceivedAtUs = arrivedAtUs;
      if (repeat === "idConflict") counts.idConflicts += 1;
      const kind = repeat === "duplicate" ? "duplicates" : verdict.kind;
      counts[kind] += 1;
      result[kind] += 1;
      const isRepeat = repeat === "duplicate";
      if (verdict.kind === "accepted") {
        const { lanes: mask, expiresAtUs } = verdict;
        if (!isRepeat) store(message, { lanes: mask, expiresAtUs, arrivedAtUs });
        owedIds?.add(mask, isRepeat && identity ? dedupe.idOf(identity, arrivedAtUs, mask) : lastId);
      }
      if (isRepeat) {
        if (arrival.met) repeats.push(index);
        continue;
      }
      for (const one of arrival.met ?? []) remember(one, message, arrivedAtUs);
      if (verdict.kind === "deadLettered") {
        const { reason, path, detail } = verdict;
        const kept = { ...message, payload: new Uint8Array(message.payload) };
        const letter = { message: kept, reason, path, detail, possiblyDelivered: false };
        const id = graves.add({ ...letter, arrivedAtUs, diedAtUs: arrivedAtUs, lane: undefined });
        burials.add(id, letter);
        countDead("arrival", reason);
      }
    }
    const newest = arrivals.at(-1);
    if (newest) dedupe.evict(newest.arrivedAtUs);
    options.onCommit?.({ durationMs: 0, messages: arrivals.length });
    if (owedIds) result.owed = owedIds.list();
    if (result.deadLettered > 0) result.burials = burials.list();
    if (repeats.length > 0) result.repeats = repeats;
    return result;
  }

  return {
    instanceId: crypto.randomUUID(),
    notices: [],
    append,
    lane(name: LaneName) {
      const lane = lanes.find((lane) => laneKey(lane.name) === laneKey(name));
      if (!lane) throw new Error(`Cannot use lane ${laneKey(name)}: the store was opened without it`);
      return lane;
    },
    deadLetters: {
      list: async (filter) => graves.list(filter),
      get: async (id) => graves.get(id),
      delete: async (id) => graves.delete(id),
      async replay(id, verdict) {
        const letter = graves.get(id);
        if (!letter) return false;
        if (lanesOf(verdict.lanes).length > 0) checkRoom(messageBytes(letter.message), replaying);
        if (letter.lane === undefined) {
          const counts = sourceLedger(letter.message.source);
          counts.received += 1;
          counts.accepted += 1;
        }
        const { lastValues = letter.message.lastValues, ...owed } = verdict;
        const message = { ...letter.message, lastValues };
        store(message, { ...owed, arrivedAtUs: letter.arrivedAtUs, isReplay: true });
        return graves.delete(id);
      },
    },
    lastValues: async () => [...lastValues.values()],
    async ledger() {
      return {
        sources: structuredClone(sources),
        lanes: lanes.map((lane) => lane.ledger()),
        deadLettered: [...died.values()].map((entry) => ({ ...entry })),
        deadLetters: { kept: graves.kept, discarded: graves.discarded },
        store: { bytes, bytesMax: options.bytesMax },
      };
    },
    async close() {},
  };
}

function messageBytes(message: MqttMessage): number {
  const { source, topic, payload, clientId = "", messageId = "", contentType = "", userProperties } = message;
  const properties = userProperties.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  const texts = source.length + topic.length + clientId.length + messageId.length + contentType.length;
  const { lastValues = [] } = message;
  const recalled = lastValues.reduce((sum, { member, value }) => sum + member.length + value.length, 0);
  return rowBytes + payload.byteLength + texts + properties + recalled;
}
