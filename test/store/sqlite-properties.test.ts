import { DatabaseSync } from "node:sqlite";
import { expect, it, onTestFinished } from "vitest";
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
