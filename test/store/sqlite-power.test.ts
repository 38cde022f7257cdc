import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, ledgerOf, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { createChoices } from "./choices.ts";
import { settleAll } from "./fill.ts";
import { createFolder } from "./sqlite-folder.ts";

const steps = 120;
const sectorBytes = 512;
/** Source: SQLite, "Database File Format", 4.1 WAL File Format. */
const walHeaderBytes = 32;
/** So small that the WAL is checkpointed and starts over every few commits. */
const options = { ...roomy, bytesMax: 2_000_000 };

interface Files {
  db: Buffer;
  wal: Buffer;
}

/**
 * The power goes during a commit: of what was written since the last fsync, any sectors may have reached the disk and
 * any may be missing. What was acknowledged before must be there, and nothing may look damaged.
 */
it("everything acknowledged survives a loss of power at any moment", async () => {
  const random = createChoices();
  const folder = createFolder();
  const store = await openSqliteStore({ ...options, path: folder.path });
  const acknowledged: string[] = [];
  const read = (): Files => ({ db: readFileSync(folder.path), wal: readFileSync(`${folder.path}-wal`) });

  /** `after`, but for the sectors that did not arrive. */
  function tear(before: Buffer, after: Buffer): Buffer {
    const torn = Buffer.alloc(Math.max(before.length, after.length));
    before.copy(torn);
    const arrives = random.pick([0.1, 0.5, 0.9]);
    for (let at = 0; at < after.length; at += sectorBytes) {
      if (random.chance(arrives)) after.copy(torn, at, at, at + sectorBytes);
    }
    return random.chance(0.5)
      ? torn
      : torn.subarray(0, random.below(torn.length + 1 - before.length) + before.length);
  }

  async function expectKept(name: string, { db, wal }: Files, messageIds: readonly string[]) {
    const path = join(folder.folder, name);
    writeFileSync(path, db);
    writeFileSync(`${path}-wal`, wal);
    const again = await openSqliteStore({ ...options, path });
    expect(again.notices).toEqual([]);
    await ledgerOf(again);
    expect(await again.append(messages(again, messageIds))).toMatchObject({ duplicates: messageIds.length });
    await again.close();
  }

  let checkpoints = 0;
  for (let step = 0; step < steps; step++) {
    const before = read();
    const messageIds = Array.from({ length: 1 + random.below(20) }, (_, at) => `${step}/${at}`);
    if (random.chance(0.1)) {
      await settleAll(store.lane(metricsLane));
      // Let the sweeper finish, so that each pair of copies has one commit between.
      for (let turn = 0; turn < 10; turn++) await setImmediate();
    } else {
      await store.append(messages(store, messageIds));
      const after = read();
      if (after.db.equals(before.db)) {
        const torn = { db: before.db, wal: tear(before.wal, after.wal) };
        // A WAL that starts over has its new header synced before the first frame is written.
        after.wal.copy(torn.wal, 0, 0, walHeaderBytes);
        if (step % 4 === 0) await expectKept(`commit-${step}.db`, torn, acknowledged);
      } else if (after.wal.length >= before.wal.length) {
        // The WAL is synced before the first page is copied into the database.
        checkpoints++;
        const torn = { db: tear(before.db, after.db), wal: after.wal };
        await expectKept(`checkpoint-${step}.db`, torn, [...acknowledged, ...messageIds]);
      }
      acknowledged.push(...messageIds);
    }
  }
  expect(checkpoints).toBeGreaterThan(3);
  await store.close();
  folder.remove();
});

function messages(store: BatchStore, messageIds: readonly string[]) {
  const verdict = owedBy(store, [metricsLane]);
  return messageIds.map((messageId) => arrival(`body ${messageId}`, verdict, { messageId }));
}
