/**
 * By what the store knows a message again that the broker delivers again. MQTT has only Packet Identifiers for that:
 * the broker frees one when it gets the PUBACK, may use it at once for another message, which may even say the same,
 * and repeats after a reconnect, with DUP, what it has no PUBACK for. A message that is taken for a repeat and is
 * none would be lost, which is worse than one that is stored twice. So a repeat is known by one of two proofs:
 *
 * - Its PUBACK was never sent: the broker cannot have freed the identifier.
 * - The broker counts its identifiers up, and so uses each again only after all the others. That is believed once
 *   they have risen by more than so many as the broker may have in flight, which takes one that frees and uses again.
 *   From then on a message is named by a block and its identifier in it. No block goes on when the identifiers come
 *   round or begin anew.
 *
 * Either serves the next connection alone: a broker that was started meanwhile may count anew, or go back to what it
 * saved, but what it repeats first it had sent before. The blocks are kept on disk for a gateway that was killed, and
 * removed from there before it connects.
 *
 * Some brokers (RabbitMQ) count anew at each connection, also what they repeat, and set DUP for more than that. So
 * only what comes before any fresh message is a repeat. When it begins with the identifier that the connection before
 * began with, and messages were acknowledged there, the first proof does not hold. When it begins outside the blocks,
 * the second one does not: the first block begins late in a connection.
 *
 * ```
 *            first            first + blockLength
 *   ──────────┼───── earlier ─────┼───── latest ──▶ newest   … in flight, not seen yet
 * ```
 *
 * Source: MQTT 5.0, 2.2.1, 3.3.1.1, 4.4 and 4.9.
 */
import type { RepeatId } from "../../pipeline/message.ts";

/** Identifiers of a block are named by it. */
export interface IdBlock {
  name: string;
  /** Packet Identifier that it begins with. */
  first: number;
}

/** Where blocks outlive the process. */
export interface IdJournal {
  /** Empty when it cannot be read. */
  read(): readonly IdBlock[];
  /** Returns when the process may be killed, and when there are none, the machine too. */
  write(blocks: readonly IdBlock[]): void;
}

export interface MessageIds {
  /** Before the broker is asked for a connection. Errors: those of the journal. */
  prepare(): void;
  /** The broker may send on a new connection from now on, whether it is heard or not. */
  reached(): void;
  /** The broker has accepted the connection, and kept the session or not. */
  begin(options: { isResumed: boolean }): void;
  /** Of a message of QoS 1. Errors: those of the journal. */
  idOf(packet: { packetId: number; isDup: boolean }): RepeatId;
  /** It was named on this connection, and its PUBACK has not gone out. */
  isOpen(packetId: number): boolean;
  /** The PUBACKs go out. */
  acknowledged(packetIds: readonly number[]): void;
}

/** By Packet Identifier. A map from which all are deleted again is made anew every few thousand messages. */
type Names = (RepeatId | undefined)[];

/** Source: MQTT 5.0, 2.2.1. */
const packetIdMax = 65_535;
/** Together, blocks are much shorter than the identifiers are many. */
const blockLengthMin = 512;
const blockLengthMax = 8_192;
const blocksMax = 4;

/** Without a journal, and where more may be in flight than a block may have, the first proof is the only one. */
export function createMessageIds(options: {
  journal: IdJournal | undefined;
  /** Most messages that the broker may have in flight. */
  inflightMax: number;
  uuid: () => string;
}): MessageIds {
  const { inflightMax, uuid } = options;
  const blockLength = Math.max(inflightMax, blockLengthMin);
  const journal = inflightMax <= blockLengthMax ? options.journal : undefined;
  const processName = uuid();
  let unnamed = 0;
  /** What was not acknowledged on the connection before, and what is not yet on this one. */
  let repeatable: Names = [];
  let open: Names = [];
  /** Of the connection before, and of this one; the latest first. */
  let before: readonly IdBlock[] = journal?.read() ?? [];
  let blocks: readonly IdBlock[] = [];
  let hasReached = false;
  let isJournalEmpty = before.length === 0;
  let newest: number | undefined;
  /** By how much the identifiers have risen. */
  let rise = 0;
  /** What this connection has begun with, and whether it begins with repeats, up to now. */
  let beginning: number | undefined;
  let isRepeating = true;
  let hasAcknowledged = false;
  /** What a broker that counts anew begins with, though it is another message. */
  let suspect: number | undefined;

  function keep(next: readonly IdBlock[]) {
    blocks = [];
    isJournalEmpty = false;
    journal?.write(next);
    blocks = next;
  }

  function nameIn(candidates: readonly IdBlock[], packetId: number): RepeatId | undefined {
    const block = candidates.find(
      ({ first }) => packetId >= first && packetId < first + blockLength + inflightMax,
    );
    return block && { run: block.name, number: packetId };
  }

  /** See how the broker counts. */
  function follow(packetId: number) {
    const step = newest === undefined ? 1 : packetId - newest;
    newest = packetId;
    const [latest] = blocks;
    if (step < 1 || step > inflightMax) {
      rise = 0;
      if (latest) keep([]);
      return;
    }
    rise += step;
    const isDue = latest ? packetId >= latest.first + blockLength : rise > 2 * inflightMax;
    if (isDue) keep([{ name: uuid(), first: packetId }, ...blocks.slice(0, blocksMax - 1)]);
  }

  /** See what a connection begins with. */
  function beginWith(packetId: number) {
    beginning = packetId;
    if (packetId === suspect) repeatable = [];
    if (nameIn(before, packetId) === undefined) before = [];
  }

  return {
    prepare() {
      if (isJournalEmpty) return;
      journal?.write([]);
      isJournalEmpty = true;
    },
    reached() {
      if (hasReached) before = blocks;
      hasReached = true;
      repeatable = open;
      open = [];
      blocks = [];
      newest = undefined;
      rise = 0;
      suspect = hasAcknowledged ? beginning : undefined;
      beginning = undefined;
      isRepeating = true;
      hasAcknowledged = false;
    },
    begin({ isResumed }) {
      if (isResumed) return;
      repeatable = [];
      before = [];
    },
    idOf({ packetId, isDup }) {
      if (journal) follow(packetId);
      if (beginning === undefined) beginWith(packetId);
      isRepeating &&= isDup;
      const repeated = isRepeating ? (repeatable[packetId] ?? nameIn(before, packetId)) : undefined;
      const name = repeated ?? nameIn(blocks, packetId) ?? { run: processName, number: ++unnamed };
      if (repeatable[packetId]) repeatable[packetId] = undefined;
      if (open.length === 0) open = new Array(packetIdMax + 1);
      open[packetId] = name;
      return name;
    },
    isOpen: (packetId) => open[packetId] !== undefined,
    acknowledged(packetIds) {
      hasAcknowledged = true;
      for (const packetId of packetIds) open[packetId] = undefined;
    },
  };
}
