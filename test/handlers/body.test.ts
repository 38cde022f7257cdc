import { once } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { BodyCutError, BodyTooLargeError, incomingOf, readBody } from "../../handlers/body.ts";
import { createGate, NoRoomError, Share } from "../../handlers/gate.ts";

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
  const room = new Share(gate);
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

/** A request as Node's server has it, which goes on coming. */
function openIncoming({ roomFor = 1_000, bytesMax = 1_000 } = {}) {
  const incoming = new Readable({ read() {} });
  const gate = createGate(roomFor);
  const room = new Share(gate);
  const request = new Request("http://a/", { method: "POST", body: "not this one" });
  const reading = readBody(request, { bytesMax, room, incoming });
  reading.catch(() => undefined);
  return { incoming, gate, room, reading };
}

describe("readBody() of what Node's server has", () => {
  it.each([
    ["one chunk", ["abc"]],
    ["several chunks", ["a", "bcd", "ef"]],
    ["no chunk", []],
  ])("reads a body of %s, and takes room for it", async (_, chunks) => {
    const { incoming, gate, room, reading } = openIncoming({ roomFor: 6 });
    for (const chunk of [...chunks, null]) incoming.push(chunk);
    const text = chunks.join("");
    expect(Buffer.from(await reading).toString()).toBe(text);
    expect(gate.enter(7 - text.length)).toBe(false);
    room.giveBack();
    expect(gate.enter(6)).toBe(true);
  });

  it("fails as soon as there is no room for what has come", async () => {
    const { incoming, reading } = openIncoming({ roomFor: 3 });
    incoming.push("abcd");
    await expect(reading).rejects.toThrow(NoRoomError);
  });

  it("takes no room for what comes after it failed, and lets it pass", async () => {
    const { incoming, gate, room, reading } = openIncoming({ roomFor: 3 });
    incoming.push("abcd");
    await expect(reading).rejects.toThrow(NoRoomError);
    room.giveBack();
    const ended = once(incoming, "end");
    for (const chunk of ["a", null]) incoming.push(chunk);
    await ended;
    expect(gate.enter(3)).toBe(true);
  });

  it("reads a body beyond the limit to its end, and keeps none of the rest", async () => {
    const { incoming, gate, reading } = openIncoming({ roomFor: 10, bytesMax: 10 });
    incoming.push("0123456789");
    incoming.push("0123456789");
    incoming.push(null);
    await expect(reading).rejects.toThrow("Cannot take a body of 20 bytes or more: limit is 10");
    expect(gate.enter(1)).toBe(false);
    expect(incoming.readableEnded).toBe(true);
  });

  it("waits no longer for a body that is many times the limit", async () => {
    const { incoming, reading } = openIncoming({ bytesMax: 10 });
    incoming.push(Buffer.alloc(161));
    await expect(reading).rejects.toThrow(BodyTooLargeError);
  });

  it.each([
    ["with an error", new Error("aborted")],
    ["without one", undefined],
  ])("fails when the connection ends %s before the body does", async (_, error) => {
    const { incoming, reading } = openIncoming();
    incoming.push("abc");
    incoming.destroy(error);
    await expect(reading).rejects.toThrow(BodyCutError);
  });

  it.each([
    ["the connection had ended", () => new Readable({ read() {} }).destroy(), "close"],
    ["somebody else had read it", () => Readable.from([], { autoDestroy: false }).resume(), "end"],
  ])("fails when %s before it was read", async (_, begin, event) => {
    const incoming = begin();
    await once(incoming, event);
    const request = new Request("http://a/", { method: "POST" });
    const room = new Share(createGate(10));
    await expect(readBody(request, { bytesMax: 10, room, incoming })).rejects.toThrow(BodyCutError);
  });
});

describe("incomingOf()", () => {
  it.each([
    ["nothing", undefined],
    ["something else", { event: {} }],
    ["no more than a socket", { incoming: { socket: {} } }],
  ])("finds none when the runtime hands over %s", (_, environment) => {
    expect(incomingOf(environment)).toBeUndefined();
  });

  it("finds the one of Node's server", () => {
    const incoming = new Readable();
    expect(incomingOf({ incoming, outgoing: {} })).toBe(incoming);
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
