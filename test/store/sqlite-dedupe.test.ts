import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { DedupeTable } from "../../pipeline/store/dedupe.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, identityOf, metricsLane, owedBy, roomy, startUs } from "./arrivals.ts";
import { createChoices } from "./choices.ts";
import { createFolder } from "./sqlite-folder.ts";

const minuteUs = 60e6;

describe("after a restart, append() takes messages with identities", () => {
  let folder: ReturnType<typeof createFolder>;
  let store: BatchStore;

  beforeEach(async () => {
    folder = createFolder();
  });

  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  async function open(windowSeconds = 60, options: Partial<StoreOptions> = {}) {
    const dedupe = { windowSeconds, entriesMax: 1000 };
    store = await openSqliteStore({ ...roomy, path: folder.path, dedupe, ...options });
  }

  const append = (messageId: string | undefined, arrivedAtUs: number) =>
    store.append([
      arrival("x", owedBy(store, [metricsLane]), { arrivedAtUs, ...(messageId ? { messageId } : {}) }),
    ]);

  async function expectSound(nowUs: number) {
    for (const messageId of ["a", "b", "c"])
      expect(await append(messageId, nowUs)).toMatchObject({ accepted: 1 });
    for (const messageId of ["a", "b", "c"])
      expect(await append(messageId, nowUs)).toMatchObject({ duplicates: 1 });
  }

  it("with a longer window, in which a message that was new is a repeat", async () => {
    await open(60);
    await append("same", startUs);
    await append("same", startUs + minuteUs);
    await store.close();
    await open(3600);
    await expectSound(startUs + minuteUs);
    expect(await append("same", startUs + minuteUs)).toMatchObject({ duplicates: 1 });
  });

  it("where a request of nothing was the last of their group", async () => {
    await open();
    await Promise.all([append("same", startUs), store.append([])]);
    await store.close();
    await open();
    expect(await append("same", startUs)).toMatchObject({ duplicates: 1 });
  });

  it("when a repeat was new by less than what its neighbours in the commit were later", async () => {
    await open();
    await Promise.all([append("same", startUs), append(undefined, startUs + 1000)]);
    await append("same", startUs + minuteUs);
    await store.close();
    await open();
    await expectSound(startUs + minuteUs);
  });

  it("when the clock was set back, and forth again", async () => {
    await open();
    await append("same", startUs);
    await append("other", startUs - 10 * minuteUs);
    await append("same", startUs + minuteUs);
    await store.close();
    await open();
    await expectSound(startUs + minuteUs);
  });

  it("when rows between are missing, as after a salvage, and still knows those after them", async () => {
    await open();
    for (let at = 0; at < 9; at++) await append(`${at}`, startUs);
    await store.close();
    const raw = new DatabaseSync(folder.path);
    raw.exec("DELETE FROM dedupe WHERE first BETWEEN 3 AND 5");
    raw.close();
    await open();
    expect(await append("8", startUs)).toMatchObject({ duplicates: 1 });
    await expectSound(startUs);
  });

  it("when dedupe was off in between", async () => {
    await open();
    await append("before", startUs);
    await store.close();
    await open(0);
    await append("before", startUs);
    await store.close();
    await open();
    expect(await append("before", startUs)).toMatchObject({ duplicates: 1 });
    await expectSound(startUs);
  });

  it("from rows that hold what came at about the same time", async () => {
    await open(3600);
    for (let at = 0; at < 300; at++) await append(`${at}`, startUs + at * 1000);
    for (let at = 300; at < 310; at++) await append(`${at}`, startUs + at * 2e6);
    const raw = new DatabaseSync(folder.path, { readOnly: true });
    expect(raw.prepare("SELECT count(*) AS rows FROM dedupe").get()?.rows).toBe(5 + 10);
    raw.close();
    await store.close();
    await open(3600);
    for (let at = 0; at < 310; at++)
      expect(await append(`${at}`, startUs + 700e6)).toMatchObject({ duplicates: 1 });
    await expectSound(startUs + 700e6);
  });

  it("with a smaller entriesMax", async () => {
    await open();
    for (let at = 0; at < 50; at++) await append(`${at}`, startUs);
    await store.close();
    await open(60, { dedupe: { windowSeconds: 60, entriesMax: 5 } });
    expect(await append("49", startUs)).toMatchObject({ duplicates: 1 });
    expect(await append("10", startUs)).toMatchObject({ accepted: 1 });
    await expectSound(startUs);
  });
});

describe("DedupeTable", () => {
  const windowSeconds = 100;
  const entriesMax = 40;

  it("finds what a plain list finds, through rollback, eviction and growth", () => {
    const random = createChoices();
    const table = new DedupeTable({ windowSeconds, entriesMax });
    let list: { key: string; body: string; atUs: number }[] = [];
    let nowUs = startUs;
    for (let commit = 0; commit < 2000; commit++) {
      nowUs += random.below(10e6);
      const before = [...list];
      const kept = table.nextSequence;
      for (let left = random.below(random.chance(0.01) ? 2000 : 20); left > 0; left--) {
        const [key, body] = [`${random.below(60)}`, `${random.below(2)}`];
        const same = list.filter((entry) => entry.key === key && entry.atUs > nowUs - windowSeconds * 1e6);
        const isRepeat = same.some((entry) => entry.body === body);
        const wanted = isRepeat ? "duplicate" : same.length > 0 ? "idConflict" : "new";
        expect(table.add(identityOf("s", key, body), nowUs)).toBe(wanted);
        if (!isRepeat) list.push({ key, body, atUs: nowUs });
      }
      if (random.chance(0.2)) {
        table.rollback(kept);
        list = before;
      } else {
        table.evict(nowUs);
        while (list.length > entriesMax || (list[0]?.atUs ?? nowUs) <= nowUs - windowSeconds * 1e6)
          list.shift();
      }
      expect(table.size).toBe(list.length);
    }
  });

  it("packs entries that go on at the beginning of its ring", () => {
    const table = new DedupeTable({ windowSeconds, entriesMax });
    for (let at = 0; at < 1_020; at++) {
      table.add(identityOf("s", `${at}`, "body"), startUs);
      table.evict(startUs);
    }
    const added = Array.from({ length: 10 }, (_, at) => identityOf("s", `new ${at}`, "body"));
    for (const identity of added) table.add(identity, startUs);
    expect(Buffer.from(table.packFrom(1_020))).toEqual(Buffer.concat(added));
  });

  it("packs what restore() takes back", () => {
    const table = new DedupeTable({ windowSeconds, entriesMax: 5000 });
    for (let at = 0; at < 3000; at++) table.add(identityOf("s", `${at}`, "body"), startUs);
    const packed = table.packFrom(0);
    const again = new DedupeTable({ windowSeconds, entriesMax: 5000 });
    for (let at = 0; at < 3000; at++) again.restore(packed, at * 16, startUs);
    expect(again.nextSequence).toBe(3000);
    expect(again.packFrom(0)).toEqual(packed);
    expect(again.add(identityOf("s", "2999", "body"), startUs)).toBe("duplicate");
    expect(again.add(identityOf("s", "2999", "other"), startUs)).toBe("idConflict");
  });
});
