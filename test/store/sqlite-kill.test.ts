import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, ledgerOf, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

const kills = 5;
const seed = Math.floor(Math.random() * 1000);

/** Run the appending child and kill it after it has acknowledged about `lines` messages. */
async function appendAndKill(path: string, { start, lines }: { start: number; lines: number }) {
  const script = new URL("./sqlite-kill-child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, path, `${start}`], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    if (acknowledged.length === lines) child.kill("SIGKILL");
  }
  const [, signal] = await exited;
  expect(signal).toBe("SIGKILL");
  return acknowledged;
}

it(`append() keeps everything that it acknowledged through ${kills} times kill -9 (seed ${seed})`, async () => {
  const folder = createFolder();
  const acknowledged: number[] = [];
  for (let round = 0; round < kills; round++) {
    const lines = 20 + ((seed + round * 137) % 200);
    acknowledged.push(...(await appendAndKill(folder.path, { start: round * 1e6, lines })));

    const store = await openSqliteStore({ ...roomy, path: folder.path });
    const { sources, lanes } = await ledgerOf(store);
    const lane = store.lane(metricsLane);
    const { cursor } = await lane.position();
    const waiting = await lane.read(0, 1e6);
    expect(lanes[0]).toMatchObject({ owed: sources.plant?.accepted, pending: waiting.length });
    expect(waiting.every(({ id }) => id > cursor)).toBe(true);
    const verdict = owedBy(store, [metricsLane]);
    const again = acknowledged.map((number) => arrival(`${number}`, verdict, { messageId: `${number}` }));
    expect(await store.append(again)).toMatchObject({ duplicates: acknowledged.length });
    // Those of the last acknowledged messages, or of ones that were stored and not acknowledged any more.
    for (const { member, value } of await store.lastValues()) {
      const ofMember = acknowledged.filter((number) => `${number % 4}` === member);
      expect(Number(value)).toBeGreaterThanOrEqual(Math.max(...ofMember));
      const repeat = arrival(value, verdict, { messageId: value });
      expect(await store.append([repeat])).toMatchObject({ duplicates: 1 });
    }
    expect(await store.lastValues()).toHaveLength(4);
    await store.close();
  }
  folder.remove();
});
