import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createMessageIds,
  type IdBlock,
  type IdJournal,
  type MessageIds,
} from "../../handlers/bridge/ids.ts";
import type { RepeatId } from "../../pipeline/message.ts";
import { createRandom } from "../support/random.ts";

const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const inflightMax = 10;

interface FakeJournal extends IdJournal {
  blocks: readonly IdBlock[];
  fault?: Error | undefined;
}

function createJournal(): FakeJournal {
  const journal: FakeJournal = {
    blocks: [],
    read: () => journal.blocks,
    write(blocks) {
      if (journal.fault) throw journal.fault;
      journal.blocks = blocks;
    },
  };
  return journal;
}

let lastUuid = 0;

function open(journal?: IdJournal, options: { inflightMax?: number } = {}): MessageIds {
  return createMessageIds({ journal, inflightMax, uuid: () => `uuid-${++lastUuid}`, ...options });
}

function connect(ids: MessageIds, { isResumed = true } = {}) {
  ids.prepare();
  ids.reached();
  ids.begin({ isResumed });
}

const fresh = (ids: MessageIds, packetId: number) => nameOf(ids.idOf({ packetId, isDup: false }));
const dup = (ids: MessageIds, packetId: number) => nameOf(ids.idOf({ packetId, isDup: true }));
const nameOf = ({ run, number }: RepeatId) => `${run}/${number}`;

/** As many as it takes to believe that the broker counts, and some; each acknowledged. Names by Packet Identifier. */
function countUp(ids: MessageIds, { from = 1, to = 40 } = {}): Map<number, string> {
  const names = new Map<number, string>();
  for (let packetId = from; packetId <= to; packetId++) {
    names.set(packetId, fresh(ids, packetId));
    ids.acknowledged([packetId]);
  }
  return names;
}

describe("createMessageIds", () => {
  it("idOf() knows a repeat whose PUBACK was never sent", () => {
    const ids = open();
    connect(ids);
    const name = fresh(ids, 7);
    connect(ids);
    expect(dup(ids, 7)).toBe(name);
  });

  it("idOf() knows it as often as it is repeated without a PUBACK", () => {
    const ids = open();
    connect(ids);
    const name = fresh(ids, 7);
    for (let times = 0; times < 3; times++) {
      connect(ids);
      expect(dup(ids, 7)).toBe(name);
    }
  });

  it("idOf() knows it no more after a connection that did not repeat it, since the broker may have forgotten it", () => {
    const ids = open();
    connect(ids);
    const name = fresh(ids, 7);
    connect(ids);
    connect(ids);
    expect(dup(ids, 7)).not.toBe(name);
  });

  it("idOf() gives a fresh message another name, though identifier and session are the same", () => {
    const ids = open();
    connect(ids);
    const name = fresh(ids, 7);
    connect(ids);
    const other = fresh(ids, 7);
    expect(other).not.toBe(name);
    connect(ids);
    expect(dup(ids, 7)).toBe(other);
  });

  it("idOf() takes nothing for a repeat in a new session", () => {
    const ids = open();
    connect(ids);
    const name = fresh(ids, 7);
    connect(ids, { isResumed: false });
    expect(dup(ids, 7)).not.toBe(name);
    connect(ids);
    expect(dup(ids, 8)).not.toBe(name);
  });

  it("idOf() takes nothing for a repeat whose PUBACK went out, while the broker may use the identifier again", () => {
    const ids = open(createJournal());
    connect(ids);
    const name = fresh(ids, 1);
    ids.acknowledged([1]);
    connect(ids);
    expect(dup(ids, 1)).not.toBe(name);
  });

  it("idOf() knows an acknowledged repeat of a broker that counts", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    connect(ids);
    expect(dup(ids, 40)).toBe(names.get(40));
    expect(dup(ids, 31)).toBe(names.get(31));
    expect([...names.values()]).not.toContain(dup(ids, 41));
  });

  it("idOf() knows it in another process", () => {
    const journal = createJournal();
    const killed = open(journal);
    connect(killed);
    const names = countUp(killed);
    const ids = open(journal);
    connect(ids);
    expect(dup(ids, 40)).toBe(names.get(40));
  });

  it("idOf() knows it in another process on both sides of the ends of blocks", () => {
    const journal = createJournal();
    const killed = open(journal);
    connect(killed);
    const names = countUp(killed, { to: 2_000 });
    expect(journal.blocks).toHaveLength(4);
    const ids = open(journal);
    connect(ids);
    for (let packetId = 1_100; packetId <= 2_000; packetId++) {
      expect(dup(ids, packetId)).toBe(names.get(packetId));
    }
  });

  it("idOf() takes nothing for a repeat that has another identifier than before, of a broker that counts anew", () => {
    const ids = open();
    connect(ids);
    const names = [1, 2, 3, 4, 5].map((packetId) => fresh(ids, packetId));
    ids.acknowledged([1, 2]);
    connect(ids);
    // What had 3 to 7, of which 6 and 7 were lost on their way.
    for (const packetId of [1, 2, 3, 4, 5]) expect(names).not.toContain(dup(ids, packetId));
  });

  it("idOf() knows repeats of a broker that counts anew when nothing was acknowledged", () => {
    const ids = open();
    connect(ids);
    const names = [1, 2, 3].map((packetId) => fresh(ids, packetId));
    connect(ids);
    expect([1, 2, 3].map((packetId) => dup(ids, packetId))).toEqual(names);
  });

  it("idOf() takes nothing for a repeat behind a fresh message", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    const unacknowledged = fresh(ids, 41);
    connect(ids);
    fresh(ids, 42);
    expect(dup(ids, 41)).not.toBe(unacknowledged);
    expect(dup(ids, 40)).not.toBe(names.get(40));
  });

  it("idOf() takes nothing for a repeat when all of a backlog has DUP, and begins before the first block", () => {
    const journal = createJournal();
    const killed = open(journal);
    connect(killed);
    const names = countUp(killed, { to: 500 });
    const ids = open(journal);
    connect(ids);
    for (let packetId = 1; packetId <= 500; packetId++)
      expect(dup(ids, packetId)).not.toBe(names.get(packetId));
  });

  it("idOf() gives no two messages one name while identifiers go round", () => {
    const journal = createJournal();
    const ids = open(journal);
    connect(ids);
    const names = new Set<string>();
    const count = 140_000;
    for (let n = 0; n < count; n++) names.add(fresh(ids, (n % 65_535) + 1));
    expect(names.size).toBe(count);
    const last = fresh(ids, (count % 65_535) + 1);
    const next = open(journal);
    connect(next);
    expect(dup(next, (count % 65_535) + 1)).toBe(last);
  });

  it("idOf() names what it has not seen on the connection before, and knows that on the next one", () => {
    const ids = open(createJournal());
    connect(ids);
    countUp(ids);
    connect(ids);
    const names = new Map<number, string>();
    for (let packetId = 1_000; packetId <= 1_100; packetId++) {
      names.set(packetId, dup(ids, packetId));
      ids.acknowledged([packetId]);
    }
    connect(ids);
    expect(dup(ids, 1_090)).toBe(names.get(1_090));
    expect([...names.values()]).not.toContain(dup(ids, 1_101));
  });

  it("idOf() knows nothing of the connection before the last, since a broker may have begun to count anew", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    connect(ids);
    connect(ids);
    expect([...names.values()]).not.toContain(dup(ids, 40));
  });

  it("idOf() knows it after attempts that never reached the broker", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    for (let attempts = 0; attempts < 3; attempts++) ids.prepare();
    connect(ids);
    expect(dup(ids, 40)).toBe(names.get(40));
  });

  it("idOf() knows nothing after a connection that the broker did not answer", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    ids.prepare();
    ids.reached();
    connect(ids);
    expect([...names.values()]).not.toContain(dup(ids, 40));
  });

  it("idOf() stops to believe a broker that counts no more", () => {
    const journal = createJournal();
    const ids = open(journal);
    connect(ids);
    const names = countUp(ids);
    fresh(ids, 5);
    expect(journal.blocks).toEqual([]);
    connect(ids);
    expect([...names.values()]).not.toContain(dup(ids, 40));
  });

  it("idOf() gives another name when an identifier comes twice in a row", () => {
    const ids = open(createJournal());
    connect(ids);
    const names = countUp(ids);
    expect(fresh(ids, 40)).not.toBe(names.get(40));
  });

  it("prepare() empties the journal before the broker is reached", () => {
    const journal = createJournal();
    const killed = open(journal);
    connect(killed);
    countUp(killed);
    expect(journal.blocks).toHaveLength(1);
    const ids = open(journal);
    ids.prepare();
    expect(journal.blocks).toEqual([]);
  });

  it("idOf() uses no block that the journal does not have, and prepare() fails while the journal does", () => {
    const journal = createJournal();
    const ids = open(journal);
    connect(ids);
    journal.fault = new Error("Disk is full");
    expect(() => countUp(ids)).toThrow("Disk is full");
    expect(() => ids.prepare()).toThrow("Disk is full");
    journal.fault = undefined;
    connect(ids);
    expect(journal.blocks).toEqual([]);
    expect(dup(ids, 15)).toMatch(/^uuid-\d+\/\d+$/);
  });

  it("idOf() does without blocks when more may be in flight than a block has", () => {
    const journal = createJournal();
    const ids = open(journal, { inflightMax: 8_193 });
    connect(ids);
    countUp(ids, { to: 40_000 });
    expect(journal.blocks).toEqual([]);
  });

  it(`idOf() never takes a message for another one, however the broker gives its identifiers (seed ${seed})`, () => {
    const allocators = fc.constantFrom(...allocatorNames);
    const known: Partial<Record<AllocatorName, number>> = {};
    const runs = fc.record({ allocator: allocators, seed: fc.nat() });
    const property = fc.property(runs, ({ allocator, seed }) => {
      const { mistakes, repeatsKnown } = simulate(allocator, seed);
      known[allocator] = (known[allocator] ?? 0) + repeatsKnown;
      expect(mistakes).toBe(0);
    });
    fc.assert(property, { seed, numRuns: 200 });
    expect(known.counting).toBeGreaterThan(0);
  });
});

const allocatorNames = [
  "counting",
  "lowest",
  "newest",
  "smallPool",
  "anyPool",
  "random",
  "countingAnew",
] as const;
type AllocatorName = (typeof allocatorNames)[number];

interface Allocator {
  last: number;
  freed: number[];
}

/** The identifier of the next message; never one that is in flight. */
function allocate(
  name: AllocatorName,
  {
    allocator,
    isUsed,
    random,
  }: { allocator: Allocator; isUsed: (packetId: number) => boolean; random: () => number },
): number {
  const next = () => {
    if (name === "random") return 1 + Math.floor(random() * 300);
    if (name === "counting" || name === "countingAnew") return (allocator.last % 65_535) + 1;
    if (name === "smallPool") return (allocator.last % 200) + 1;
    if (name === "anyPool") return (allocator.last % 997) + 1;
    return (name === "newest" && allocator.freed.pop()) || allocator.last + 1;
  };
  if (name === "lowest" || name === "newest") allocator.last = 0;
  do allocator.last = next();
  while (isUsed(allocator.last));
  return allocator.last;
}

interface Entry {
  packetId: number;
  message: number;
  isDup: boolean;
}

/**
 * A broker, a network that cuts, and a gateway that stores, all of whose messages say the same. What is in flight in
 * either direction at a cut is lost, from some point on. Broker and gateway are killed: the broker then goes on with
 * what it saved some time ago, or begins to count anew; the gateway has its journal and its store. The store knows
 * which message it has under a name. One broker gives what it repeats another identifier, and sets DUP for all that
 * it had queued, as RabbitMQ does when it was restarted.
 */
function simulate(name: AllocatorName, seed: number) {
  const random = createRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const journal = createJournal();
  const stored = new Map<string, number>();
  const taken = new Set<number>();
  let ids = open(journal);
  let lastMessage = 0;
  let mistakes = 0;
  let repeatsKnown = 0;
  let allocator: Allocator = { last: below(3) * 30_000, freed: [] };
  /** At the broker, in order. */
  let inflight: Entry[] = [];
  const copy = () => structuredClone({ allocator, inflight });
  let saved = copy();

  for (let connection = 0; connection < 12; connection++) {
    if (below(3) === 0) ids = open(journal);
    const isRestored = below(3) === 0;
    if (isRestored) ({ allocator, inflight } = saved);
    if (below(5) === 0) allocator = { last: 0, freed: [] };
    saved = copy();
    if (below(6) === 0) {
      ids.prepare();
      continue;
    }
    connect(ids);
    for (const [index, entry] of inflight.entries()) {
      entry.isDup = true;
      if (name === "countingAnew") entry.packetId = index + 1;
    }
    if (name === "countingAnew") allocator = { last: inflight.length, freed: [] };
    // What it has forgotten was the newest: nothing behind that has been kept.
    const dupMax = name === "countingAnew" && !isRestored ? lastMessage + below(2) * below(300) : 0;
    const downstream = [...inflight];
    const upstream: number[] = [];
    const unacknowledged: number[] = [];
    for (let step = below(below(2) === 0 ? 60 : 600); step > 0; step--) {
      const turn = below(4);
      if (turn === 0 && inflight.length < inflightMax) {
        const isUsed = (used: number) => inflight.some(({ packetId }) => packetId === used);
        const entry = {
          packetId: allocate(name, { allocator, isUsed, random }),
          message: ++lastMessage,
          isDup: lastMessage <= dupMax,
        };
        inflight.push(entry);
        downstream.push(entry);
      } else if (turn === 1) {
        const packet = downstream.shift();
        if (!packet) continue;
        const name = nameOf(ids.idOf(packet));
        const known = stored.get(name);
        if (known === undefined) stored.set(name, packet.message);
        else if (known === packet.message) repeatsKnown += 1;
        else if (!taken.has(packet.message)) mistakes += 1;
        taken.add(packet.message);
        unacknowledged.push(packet.packetId);
      } else if (turn === 2) {
        const packetId = unacknowledged.shift();
        if (packetId === undefined) continue;
        ids.acknowledged([packetId]);
        upstream.push(packetId);
      } else {
        const packetId = upstream.shift();
        if (packetId === undefined) continue;
        inflight = inflight.filter((entry) => entry.packetId !== packetId);
        allocator.freed.push(packetId);
      }
      if (below(200) === 0) saved = copy();
    }
  }
  return { mistakes, repeatsKnown };
}
