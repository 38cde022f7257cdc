import { DatabaseSync } from "node:sqlite";
import { expect, it, onTestFinished } from "vitest";
import { packProperties, unpackProperties } from "../../pipeline/store/sqlite/properties.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, metricsLane, owedBy, roomy, text } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

it.each(['[1,0,0,"cli', '{"0":1}', ""])(
  "read() gives a message whose properties the disk changed to %j, without them",
  async (damaged) => {
    const folder = createFolder();
    const store = await openSqliteStore({ ...roomy, path: folder.path });
    onTestFinished(async () => {
      await store.close();
      folder.remove();
    });
    const { message, ...rest } = arrival("21.5", owedBy(store, [metricsLane]));
    await store.append([{ ...rest, message: { ...message, clientId: "press-07", qos: 1 } }]);
    const raw = new DatabaseSync(folder.path);
    raw.prepare("UPDATE messages SET properties = ?").run(damaged);
    raw.close();

    const [stored] = await store.lane(metricsLane).read(0, 10);
    expect(text(stored?.payload)).toBe("21.5");
    expect(stored).toMatchObject({ clientId: undefined, qos: undefined, userProperties: [] });
  },
);

const bits = [undefined, false, true];

it.each([undefined, 0, 1, 2] as const)(
  "packProperties() and unpackProperties() keep QoS %s with every retain and dup, twice the same",
  (qos) => {
    for (const retain of bits) {
      for (const dup of bits) {
        const properties = { qos, retain, dup, userProperties: [] };
        const packed = packProperties(properties);
        expect(packProperties(properties)).toBe(packed);
        expect(unpackProperties(packed)).toEqual(properties);
      }
    }
    expect(packProperties({ userProperties: [] })).toBeNull();
  },
);

it.each([
  { clientId: "" },
  { messageId: "" },
  { publishedAtUs: 0 },
  { messageExpiryIntervalSeconds: 0 },
  { contentType: "" },
  { userProperties: [["", ""]] as const },
  { isReplay: true },
  { throttledBy: [""] },
  { lastValues: [{ rule: "", input: "", member: "", value: "" }] },
])("packProperties() and unpackProperties() keep %j beside the flags", (fields) => {
  const properties = { qos: 1 as const, retain: false, dup: true, userProperties: [], ...fields };
  expect(unpackProperties(packProperties(properties))).toEqual(properties);
});

it("packProperties() leaves out by what our own side knows a repeat", () => {
  expect(packProperties({ qos: 1, repeatId: { run: "a", number: 1 }, userProperties: [] })).toBe("[1]");
});
