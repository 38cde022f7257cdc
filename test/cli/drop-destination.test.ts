import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dropDestination } from "../../cli/drop-destination.ts";
import { StoreLockedError } from "../../pipeline/errors.ts";
import type { LaneName } from "../../pipeline/message.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { useFolder } from "../config/support.ts";

const inFolder = useFolder();

const configuration = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: kept }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings: { host: "http://127.0.0.1:4317", batching: {} }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: edge }
spec:
  store: { path: ./gateway.db }
  destinations: [{ endpointRef: kept, signals: [metrics] }]
`;

const kept: LaneName = { destination: "kept", signal: "metrics" };
const former: LaneName = { destination: "former", signal: "metrics" };

function open(lanes: readonly LaneName[]) {
  return openSqliteStore({
    path: inFolder("gateway.db"),
    bytesMax: 4_294_967_296,
    deadLetterBytesMax: 1_000_000,
    dedupe: { windowSeconds: 0, entriesMax: 0 },
    lanes,
  });
}

/** Two messages that both destinations owe, then one that only the kept one does. */
async function fill() {
  const store = await open([kept, former]);
  const all = store.lane(kept).mask + store.lane(former).mask;
  const message = { source: "raw", topic: "t", payload: new Uint8Array([1]), userProperties: [] };
  for (const lanes of [all, all, store.lane(kept).mask]) {
    await store.append([{ message, arrivedAtUs: 1, verdict: { kind: "accepted", lanes } }]);
  }
  return store;
}

async function drop(name: string) {
  writeFileSync(inFolder("gateway.yaml"), configuration);
  let output = "";
  const status = await dropDestination({
    name,
    configPath: inFolder("gateway.yaml"),
    environment: {},
    write: (text) => (output += text),
  });
  return { status, output };
}

describe("drop-destination", () => {
  it("drops what a removed destination owes, says how much, and leaves the rest", async () => {
    await (await fill()).close();
    const { status, output } = await drop("former");
    expect(status).toBe(0);
    expect(output).toContain("former/metrics: dropped 2 messages\n");
    const store = await open([kept, former]);
    const { lanes, deadLettered } = await store.ledger();
    expect(lanes).toMatchObject([
      { name: kept, owed: 3, pending: 3, deadLettered: 0 },
      { name: former, owed: 2, pending: 0, deadLettered: 2 },
    ]);
    expect(deadLettered).toEqual([{ stage: "delivery", reason: "dropped", count: 2 }]);
    await store.close();
  });

  it("drops nothing twice", async () => {
    await (await fill()).close();
    await drop("former");
    const { status, output } = await drop("former");
    expect(status).toBe(0);
    expect(output).toContain("former/metrics: dropped 0 messages\n");
  });

  it("refuses while a gateway has the store open", async () => {
    const store = await fill();
    await expect(drop("former")).rejects.toThrow(StoreLockedError);
    expect((await store.ledger()).lanes[1]).toMatchObject({ pending: 2, deadLettered: 0 });
    await store.close();
  });

  it("refuses a destination that is configured, and one that nobody knows", async () => {
    await (await fill()).close();
    await expect(drop("kept")).rejects.toThrow("Cannot drop destination kept: it is configured");
    await expect(drop("formr")).rejects.toThrow("no longer configured are: former");
    const store = await open([kept, former]);
    expect((await store.ledger()).lanes).toMatchObject([{ pending: 3 }, { pending: 2 }]);
    await store.close();
  });

  it("makes no store where there is none", async () => {
    await expect(drop("former")).rejects.toThrow("there is no store at");
    expect(existsSync(inFolder("gateway.db"))).toBe(false);
  });
});
