import { describe, expect, it } from "vitest";
import { readBody } from "../../handlers/body.ts";
import { createGate, createShare, NoRoomError } from "../../handlers/gate.ts";

/** A request whose body's chunks are so long, read where there is room for so many bytes. */
function open({
  chunks,
  declared,
  roomFor,
}: {
  chunks: number[];
  declared?: number | undefined;
  roomFor: number;
}) {
  const left = [...chunks];
  const body = new ReadableStream({
    pull(controller) {
      const bytes = left.shift();
      if (bytes === undefined) controller.close();
      else controller.enqueue(new Uint8Array(bytes));
    },
  });
  const headers: Record<string, string> =
    declared === undefined ? {} : { "Content-Length": String(declared) };
  const request = new Request("http://a/", { method: "POST", body, duplex: "half", headers } as RequestInit);
  const gate = createGate(roomFor);
  const room = createShare(gate);
  return { gate, room, read: () => readBody(request, { bytesMax: 1_000_000, room }) };
}

describe("readBody()", () => {
  it.each([
    ["declares no length", undefined],
    ["declares its length", 300],
  ])("takes room for a body that %s until it is given back", async (_, declared) => {
    const { gate, room, read } = open({ chunks: [100, 200], declared, roomFor: 300 });
    expect(await read()).toHaveLength(300);
    expect(gate.enter(1)).toBe(false);
    room.giveBack();
    expect(gate.enter(300)).toBe(true);
  });

  it.each([
    ["declares no length", undefined],
    ["declares its length", 300],
  ])("fails when there is no room for a body that %s, and gives back what it took", async (_, declared) => {
    const { gate, room, read } = open({ chunks: [100, 200], declared, roomFor: 299 });
    await expect(read()).rejects.toThrow(NoRoomError);
    room.giveBack();
    expect(gate.enter(299)).toBe(true);
  });

  it("takes no room for what a long body declares, only for what has come of it", async () => {
    const { gate, read } = open({ chunks: [100], declared: 900_000, roomFor: 200 });
    expect(await read()).toHaveLength(100);
    expect(gate.enter(100)).toBe(true);
  });

  it("keeps nothing of a body beyond the limit, and takes no room for it", async () => {
    const { gate, read } = open({ chunks: [1_000_001, 1_000_000], declared: 2_000_001, roomFor: 10 });
    await expect(read()).rejects.toThrow("limit is 1000000");
    expect(gate.enter(10)).toBe(true);
  });
});

describe("createGate()", () => {
  it("takes nothing of either gate when the one behind it is full", () => {
    const behind = createGate(3);
    const gate = createGate(2, behind);
    expect([behind.enter(2), gate.enter(2), gate.enter(1), gate.enter(1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    behind.leave(2);
    expect([gate.enter(), gate.enter()]).toEqual([true, false]);
    gate.leave(2);
    expect(behind.enter(3)).toBe(true);
  });
});
