/**
 * The durable log between acknowledgement and delivery. Messages are appended once and never changed; each lane
 * moves a cursor over them. Implementations: sqlite.ts, thread.ts (sqlite in its writer thread), memory.ts.
 *
 * Invariants, tested on every implementation:
 * - ids only rise, also after every row was deleted and after a restart
 * - for each source set: received = accepted + duplicates + expired + filtered + deadLettered
 * - for each lane: owed = delivered + expired + deadLettered + pending
 * - what a promise of this interface resolved for survives kill -9
 */
import type { LaneFilter } from "../lane-filter.ts";
import type { LaneName, LastValue, MqttMessage, RuleInput } from "../message.ts";

/** Why a dead letter died, as a label: few values, never text of a sender. */
export type DeadLetterReason =
  | "invalidPayload"
  | "invalidEnvelope"
  | "topicNotAllowed"
  | "refused"
  | "tooLarge"
  /** Older than its lane waits for the receiver. */
  | "overdue"
  /** The lane was no longer configured, and an operator dropped what it owed. */
  | "dropped";

/** What the checks before the store say of one message. The store itself adds whether it is a duplicate. */
export type Verdict =
  /** `lanes`: the sum of the masks of the lanes that owe it; 0 when it carries nothing for any of them. */
  | {
      kind: "accepted";
      lanes: number;
      expiresAtUs?: number | undefined;
      /** For the message, so that it is read as it was judged. */
      throttledBy?: readonly string[] | undefined;
    }
  | { kind: "expired" }
  | { kind: "filtered"; reason: string }
  | { kind: "deadLettered"; reason: DeadLetterReason; path: string; detail: string };

export interface Arrival {
  message: MqttMessage;
  arrivedAtUs: number;
  /** 16 bytes: hash of source, client id and message id, then digest of topic and payload. Without it, no dedupe. */
  identity?: Uint8Array | undefined;
  verdict: Verdict;
  /** What it has of inputs that are remembered: the last values from now on, unless it is a repeat. */
  met?: readonly LastValue[] | undefined;
}

/** A last value as the store remembers it. */
export interface StoredLastValue extends LastValue {
  source: string;
  topic: string;
  metAtUs: number;
}

/** What a request waits for: each lane of the mask has settled all that it owes up to this id. */
export interface Owed {
  lanes: number;
  id: number;
}

/** Whether a sum of masks holds that of a lane. Sums have up to 48 bits, which the bit operators would cut to 32. */
export function isAmong(lanes: number, mask: number): boolean {
  return Math.floor(lanes / mask) % 2 === 1;
}

export interface AppendResult {
  accepted: number;
  duplicates: number;
  expired: number;
  filtered: number;
  deadLettered: number;
  /**
   * Where the store was opened with `reportsOwed`: what lanes owe of the request, also of what it repeats. Of a repeat
   * of what came before the store was opened, the id is the newest of then.
   */
  owed?: readonly Owed[];
  /** What became dead letters, repeats apart; left out when nothing did. */
  burials?: readonly Burial[];
  /** Indices of the arrivals with `met` that are repeats; left out when there are none. */
  repeats?: readonly number[];
}

/** The newest dead letter that a write made of a source and for a reason, and how many it made of these. */
export interface Burial {
  /** Undefined: the quota of dead letters has no room for it. */
  id: number | undefined;
  source: string;
  topic: string;
  reason: DeadLetterReason;
  path: string;
  detail: string;
  possiblyDelivered: boolean;
  count: number;
}

export interface StoredMessage extends MqttMessage {
  id: number;
  arrivedAtUs: number;
  expiresAtUs?: number | undefined;
  /** An operator let it through again: no limit of time applies. */
  isReplay?: boolean | undefined;
}

/** A contiguous range of ids, both included; or the empty one behind the cursor: `firstId` is `lastId` + 1 then. */
export interface Batch {
  firstId: number;
  lastId: number;
  /** Expiry is judged against this instant at each attempt, so that a repeat carries the same points. */
  sealedAtUs: number;
}

/** Whether the batch holds no message: only directly behind the cursor is that no slip. */
export function isEmptyAfter({ firstId, lastId }: Batch, cursor: number): boolean {
  return lastId === cursor && firstId === cursor + 1;
}

export interface OpenBatch extends Batch {
  /** Earliest next attempt, wall clock. */
  notBeforeUs: number;
}

/** Series state as bytes that only otlp/ reads. `append` follows what is there; `replace` takes its place. */
export interface StateChange {
  kind: "append" | "replace";
  bytes: Uint8Array;
  /** For `append`: so many of the oldest chunks are outdated and go, in the order in which they were appended. */
  dropOldest?: number | undefined;
}

/** What one settlement saved of the series state. */
export interface SavedState {
  id: number;
  bytes: Uint8Array;
}

export type Settlement =
  /** The cursor moves behind the batch. `messages` were delivered, `expired` were left out as expired. */
  | {
      kind: "delivered";
      messages: number;
      expired: number;
      items: number;
      rejectedItems: number;
      state?: StateChange | undefined;
    }
  /** The batch holds one live message, `messageId`, which becomes a dead letter; `expired` others expired. */
  | {
      kind: "dead";
      messageId: number;
      reason: DeadLetterReason;
      path?: string | undefined;
      detail: string;
      possiblyDelivered: boolean;
      expired: number;
      state?: StateChange | undefined;
    }
  /** Every message of the batch becomes a dead letter but the `expired` ones, those that had when it was sealed. */
  | { kind: "overdue"; detail: string; expired: number; state?: StateChange | undefined }
  /** The batch is open no more and the cursor stays. */
  | { kind: "unsealed" };

export interface LanePosition {
  /** Last settled id; 0 at the beginning. */
  cursor: number;
  open: OpenBatch | undefined;
  /** Messages up to this id were part of an attempt without an answer; 0 when none was. */
  unansweredLastId: number;
}

export interface Backlog {
  /** Messages that the lane owes and has not settled. */
  messages: number;
  oldestArrivedAtUs: number | undefined;
  /** Id of the newest message in the store; 0 when it never held one. */
  lastId: number;
}

/** `Lane.read` takes no more once it holds payloads and properties of so many bytes: large messages are not held by the hundred. */
export const readBytesMax = 4_194_304;

/** One lane's view of the store. One caller at a time. */
export interface Lane {
  readonly name: LaneName;
  /** A power of two, the lane's bit in `Verdict.lanes`. */
  readonly mask: number;
  /** At start: where the lane stands. A batch that was open when the process died counts as unanswered. */
  position(): Promise<LanePosition>;
  backlog(): Promise<Backlog>;
  /**
   * Messages that the lane owes with id > `afterId`, ascending, at most `rowsMax`. Fewer only where no more follow,
   * or where these already hold `readBytesMax`.
   */
  read(afterId: number, rowsMax: number): Promise<StoredMessage[]>;
  /** The oldest chunk of the saved series state with id > `afterId`. Undefined: none follows. */
  state(afterId: number): Promise<SavedState | undefined>;
  /** Record the range of the batch before it is first sent. */
  seal(batch: Batch): Promise<void>;
  /** Settle the open batch, and seal the next one in the same transaction when it is given. Gives what died. */
  settle(settlement: Settlement, next?: Batch): Promise<readonly Burial[]>;
  /** Keep the open batch for a later attempt. `unanswered`: raise `unansweredLastId` to its last id. */
  postpone(options: { notBeforeUs: number; unanswered: boolean }): Promise<void>;
}

export interface DeadLetter {
  id: number;
  message: MqttMessage;
  arrivedAtUs: number;
  diedAtUs: number;
  reason: DeadLetterReason;
  /** Path of the field that was refused; "" is the whole payload. */
  path: string;
  detail: string;
  /** The lane that refused it; undefined: it died on arrival. */
  lane: LaneName | undefined;
  possiblyDelivered: boolean;
}

export interface DeadLetterStore {
  /** Ascending by id. `limit` 1 to 1000. */
  list(options: {
    afterId: number;
    limit: number;
    source?: string | undefined;
    reason?: string | undefined;
  }): Promise<DeadLetter[]>;
  get(id: number): Promise<DeadLetter | undefined>;
  delete(id: number): Promise<boolean>;
  /**
   * Replace the dead letter by a message that is accepted, in one transaction; dedupe does not apply. One that died
   * on arrival counts as received and accepted again; one that a lane refused is owed again by that lane (`lanes`
   * is its mask) and touches neither `received` nor `accepted`. False: it is no longer there.
   */
  replay(id: number, verdict: ReplayVerdict): Promise<boolean>;
}

export interface ReplayVerdict {
  lanes: number;
  expiresAtUs?: number | undefined;
  /** What stands in for what the message lacks now; undefined: what did before. */
  lastValues?: readonly LastValue[] | undefined;
}

export interface SourceLedger {
  received: number;
  accepted: number;
  duplicates: number;
  idConflicts: number;
  expired: number;
  filtered: number;
  deadLettered: number;
  lastReceivedAtUs: number | undefined;
}

export interface LaneLedger {
  name: LaneName;
  /** False: the configuration names it no more, and nothing delivers what it still owes. */
  isConfigured: boolean;
  owed: number;
  delivered: number;
  expired: number;
  deadLettered: number;
  pending: number;
  oldestArrivedAtUs: number | undefined;
  exportedItems: number;
  rejectedItems: number;
}

/** All counters of one instant, read in one transaction. */
export interface Ledger {
  /** By name; the totals of the contract are the sums over these. */
  sources: Record<string, SourceLedger>;
  /** The configured ones, then those that are so no more. */
  lanes: LaneLedger[];
  /** How many died, ever: by stage, and reason. */
  deadLettered: { stage: "arrival" | "delivery"; reason: DeadLetterReason; count: number }[];
  deadLetters: { kept: number; discarded: number };
  store: { bytes: number; bytesMax: number };
}

export interface BatchStore {
  /** UUID made at the store's first start; the `service.instance.id` of everything that leaves it. */
  readonly instanceId: string;
  /** What an operator should know of how the store was opened, such as a damaged file that was set aside. */
  readonly notices: readonly string[];
  /**
   * Append the arrivals of one request in one transaction. Resolves once they are on disk.
   *
   * Errors: StoreFullError when the quota or the disk is full; nothing was stored then.
   */
  append(arrivals: readonly Arrival[]): Promise<AppendResult>;
  lane(name: LaneName): Lane;
  readonly deadLetters: DeadLetterStore;
  /** The last value of each input on each topic that the messages in this store had, also those that are gone. */
  lastValues(): Promise<readonly StoredLastValue[]>;
  ledger(): Promise<Ledger>;
  close(): Promise<void>;
}

/** One line for each commit of appended messages, for the gateway's own metrics. */
export type CommitObserver = (commit: { durationMs: number; messages: number }) => void;

/** A lane as it is configured. */
export interface LaneOptions extends LaneName {
  /** What a lane that is new to the store begins with: nothing, or all that still waits for another one of its signal. */
  startAt?: "now" | "oldest" | undefined;
  /** What it takes of that; undefined: all. */
  filter?: LaneFilter | undefined;
}

export interface StoreOptions {
  path: string;
  bytesMax: number;
  deadLetterBytesMax: number;
  dedupe: { windowSeconds: number; entriesMax: number };
  /** At most 48. Lanes that the store knows and that are not named here keep what they owe, and owe nothing newer. */
  lanes: readonly LaneOptions[];
  /** For those who acknowledge what was delivered. Costs 8 bytes for each entry of `dedupe`. */
  reportsOwed?: boolean | undefined;
  /** The inputs whose last values are still wanted: the others are forgotten. Undefined: all are. */
  rememberedInputs?: readonly RuleInput[] | undefined;
  onCommit?: CommitObserver | undefined;
}
