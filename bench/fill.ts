/** Fill a store with messages that are owed, through the store itself. */
import { statSync } from "node:fs";
import { openSqliteStore } from "../pipeline/store/sqlite.ts";
import { scriptOptions, tell } from "./child.ts";
import { destination, gauges, payloadOf, source, topicOf, type Workload } from "./messages.ts";

export interface FillOptions {
  path: string;
  messages: number;
  workload?: Workload;
}

const { path, messages, workload = gauges } = scriptOptions<FillOptions>();
const sliceMessages = 2000;

const store = await openSqliteStore({
  path,
  bytesMax: 2 ** 36,
  deadLetterBytesMax: 2 ** 28,
  dedupe: { windowSeconds: 0, entriesMax: 0 },
  lanes: [
    { destination, signal: "metrics" },
    { destination, signal: "logs" },
  ],
});
const lanes = store.lane({ destination, signal: "metrics" }).mask;
for (let first = 0; first < messages; first += sliceMessages) {
  const count = Math.min(sliceMessages, messages - first);
  const arrivedAtUs = Date.now() * 1000;
  await store.append(
    Array.from({ length: count }, (_, offset) => ({
      message: {
        source: source.one,
        topic: topicOf(first + offset, workload),
        payload: Buffer.from(payloadOf(first + offset, workload)),
        userProperties: [],
      },
      arrivedAtUs: arrivedAtUs + offset,
      verdict: { kind: "accepted", lanes },
    })),
  );
}
await store.close();
tell({ bytes: statSync(path).size });
