/** Appends until it is killed; writes the number of each message that was acknowledged, one a line. */
import { writeSync } from "node:fs";
import type { Arrival } from "../../pipeline/store/batch-store.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, invalid, metricsLane, owedBy, roomy } from "./arrivals.ts";

const [, , path = "", start = "0"] = process.argv;
const store = await openSqliteStore({ ...roomy, path });
const lane = store.lane(metricsLane);
const verdict = owedBy(store, [metricsLane]);

const workers = 4;

/** Each worker has a last value of its own. */
function numbered(number: number): Arrival {
  const met = [{ rule: "m", input: "t", member: `${number % workers}`, value: `${number}` }];
  return { ...arrival(`${number}`, verdict, { messageId: `${number}` }), met };
}

async function settleSome(): Promise<void> {
  const { cursor, open } = await lane.position();
  if (open !== undefined) await lane.settle({ kind: "unsealed" });
  const rows = await lane.read(cursor, 5);
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return;
  await lane.seal({ firstId: first.id, lastId: last.id, sealedAtUs: first.arrivedAtUs });
  const counts = { messages: rows.length, expired: 0, items: rows.length, rejectedItems: 0 };
  await lane.settle({ kind: "delivered", ...counts });
}

async function appendOn(first: number, step: number): Promise<void> {
  for (let number = first; ; number += step) {
    await store.append([numbered(number), arrival("invalid", invalid)]);
    writeSync(1, `${number}\n`);
    if (number % 7 === 0) await settleSome();
  }
}

await Promise.all(
  Array.from({ length: workers }, (_, at) => (at === 0 ? appendOn : appendOnly)(Number(start) + at, workers)),
);

async function appendOnly(first: number, step: number): Promise<void> {
  for (let number = first; ; number += step) {
    await store.append([numbered(number)]);
    writeSync(1, `${number}\n`);
  }
}
