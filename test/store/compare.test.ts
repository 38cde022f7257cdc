import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { LaneName } from "../../pipeline/message.ts";
import type { Arrival, BatchStore, Settlement } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";

import {
  arrival,
  bytes,
  expired,
  filtered,
  invalid,
  ledgerOf,
  logsLane,
  metricsLane,
  roomy,
  startUs,
  text,
} from "./arrivals.ts";
import { createChoices } from "./choices.ts";
import { savedState } from "./saved-state.ts";

const lanes: readonly LaneName[] = [metricsLane, logsLane, { destination: "cloud", signal: "metrics" }];
const operations = 1_500;

/** What a store shows to the outside, without what may differ: bytes, and the instant of death in a lane. */
async function view(store: BatchStore) {
  const { sources, lanes: laneLedgers, deadLettered, deadLetters } = await ledgerOf(store);
  const letters = await store.deadLetters.list({ afterId: 0, limit: 1000 });
  const positions = [];
  for (const name of lanes) {
    const lane = store.lane(name);
    const { cursor, open } = await lane.position();
    const waiting = await lane.read(cursor, 1000);
    positions.push({
      cursor,
      open: open && { firstId: open.firstId, lastId: open.lastId, sealedAtUs: open.sealedAtUs },
      backlog: await lane.backlog(),
      waiting: waiting.map(({ id, payload, expiresAtUs, isReplay }) => ({
        id,
        body: text(payload),
        expiresAtUs,
        isReplay,
      })),
      state: (await savedState(lane)).map(text).join(""),
    });
  }
  return {
    sources,
    laneLedgers,
    deadLettered: deadLettered.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b))),
    deadLetters,
    lastValues: new Set(await store.lastValues()),
    letters: letters.map(({ diedAtUs: _, message, ...letter }) => ({
      ...comparable(letter),
      body: text(message.payload),
    })),
    positions,
  };
}

/** A restart makes an open batch unanswered, and memory has none. */
function comparable<Letter extends { reason: string; possiblyDelivered: boolean }>(letter: Letter) {
  const { reason, possiblyDelivered } = letter;
  return { ...letter, possiblyDelivered: reason === "overdue" ? undefined : possiblyDelivered };
}

function keyOf({ stage, reason }: { stage: string; reason: string }): string {
  return `${stage}/${reason}`;
}

it("memory and sqlite show the same after every one of many random operations", async () => {
  const random = createChoices();
  const folder = await mkdtemp(join(tmpdir(), "gateway-compare-"));
  const sqliteOptions = { ...roomy, lanes, path: join(folder, "gateway.db") };
  const memory = openMemoryStore({ ...roomy, lanes });
  let sqlite: BatchStore = await openSqliteStore(sqliteOptions);
  let nowUs = startUs;
  let bodies = 0;

  async function both<T>(act: (store: BatchStore) => Promise<T>): Promise<T> {
    const [expected, met] = [await act(memory), await act(sqlite)];
    expect(met).toEqual(expected);
    return expected;
  }

  function randomArrival(): Arrival {
    bodies += 1;
    const verdict = random.pick([
      ...Array.from({ length: 7 }, () => ({
        kind: "accepted" as const,
        lanes: random.below(2 ** lanes.length),
        expiresAtUs: random.chance(0.2) ? nowUs + random.below(1000) : undefined,
      })),
      expired,
      filtered,
      invalid,
    ]);
    const source = random.pick(["one", "two"]);
    const body = random.chance(0.1) ? "often" : `body ${bodies}`;
    const withId = random.chance(0.5) ? { messageId: `${random.below(50)}` } : {};
    const value = { rule: "m", input: random.pick(["t", "u"]), member: "", value: `${bodies}` };
    return {
      ...arrival(body, verdict, { source, arrivedAtUs: nowUs, ...withId }),
      met: random.chance(0.3) ? [value] : undefined,
    };
  }

  async function sealSome(name: LaneName) {
    const { cursor, open } = await memory.lane(name).position();
    const waiting = await memory.lane(name).read(cursor, 1 + random.below(6));
    const [first, last] = [waiting[0], waiting.at(-1)];
    if (open) return;
    const empty = { firstId: cursor + 1, lastId: cursor };
    const range = !first || !last || random.chance(0.1) ? empty : { firstId: first.id, lastId: last.id };
    await both((store) => store.lane(name).seal({ ...range, sealedAtUs: nowUs }));
  }

  async function settleSome(name: LaneName) {
    const lane = memory.lane(name);
    const { cursor, open } = await lane.position();
    if (!open) return;
    const inBatch = (await lane.read(cursor, 100)).filter(({ id }) => id <= open.lastId);
    const live = inBatch.length > 0 ? random.pick(inBatch) : undefined;
    const state = random.chance(0.5)
      ? {
          kind: random.pick(["append", "append", "replace"] as const),
          bytes: bytes(`<${nowUs}>`),
          dropOldest: random.below(3),
        }
      : undefined;
    const gone = random.below(inBatch.length + 1);
    const settlement = random.pick<Settlement>([
      {
        kind: "delivered",
        messages: inBatch.length - gone,
        expired: gone,
        items: 9,
        rejectedItems: 2,
        state,
      },
      ...(live
        ? [
            {
              kind: "dead" as const,
              messageId: live.id,
              reason: "refused" as const,
              path: "",
              detail: "because",
              possiblyDelivered: random.chance(0.5),
              expired: inBatch.length - 1,
              state,
            },
          ]
        : []),
      {
        kind: "overdue",
        detail: "late",
        expired: inBatch.filter(
          ({ expiresAtUs = Number.POSITIVE_INFINITY }) => expiresAtUs <= open.sealedAtUs,
        ).length,
        state,
      },
      { kind: "unsealed" },
    ]);
    const after = settlement.kind === "unsealed" ? cursor : open.lastId;
    const following = await lane.read(after, 1 + random.below(4));
    const [first, last] = [following[0], following.at(-1)];
    const isSealing = random.chance(0.5) && first && last;
    const next = isSealing ? { firstId: first.id, lastId: last.id, sealedAtUs: nowUs } : undefined;
    await both(async (store) => (await store.lane(name).settle(settlement, next)).map(comparable));
  }

  async function treatDeadLetter() {
    const letters = await memory.deadLetters.list({ afterId: 0, limit: 1000 });
    const letter = letters.length > 0 ? random.pick(letters) : { id: 12345, lane: undefined };
    if (random.chance(0.3)) return both((store) => store.deadLetters.delete(letter.id));
    const mask = letter.lane ? memory.lane(letter.lane).mask : random.below(2 ** lanes.length);
    const deadline = random.chance(0.5) ? { expiresAtUs: nowUs } : {};
    return both((store) => store.deadLetters.replay(letter.id, { lanes: mask, ...deadline }));
  }

  try {
    for (let operation = 0; operation < operations; operation += 1) {
      nowUs += random.below(50_000_000);
      const name = random.pick(lanes);
      const dice = random.below(100);
      if (dice < 35) {
        const arrivals = Array.from({ length: 1 + random.below(5) }, randomArrival);
        await both((store) => store.append(arrivals));
      } else if (dice < 60) await sealSome(name);
      else if (dice < 85) await settleSome(name);
      else if (dice < 90) {
        const { open } = await memory.lane(name).position();
        if (open) await both((store) => store.lane(name).postpone({ notBeforeUs: nowUs, unanswered: true }));
      } else if (dice < 98) await treatDeadLetter();
      else {
        await sqlite.close();
        sqlite = await openSqliteStore(sqliteOptions);
      }
      if (operation % 10 === 0) expect(await view(sqlite)).toEqual(await view(memory));
    }
    expect(await view(sqlite)).toEqual(await view(memory));
    expect(bodies).toBeGreaterThan(operations / 2);
  } finally {
    await sqlite.close();
    await rm(folder, { recursive: true, force: true });
  }
});
