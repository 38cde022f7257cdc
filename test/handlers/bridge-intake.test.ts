import { describe, expect, it } from "vitest";
import { createMessageIds } from "../../handlers/bridge/ids.ts";
import { createIntake } from "../../handlers/bridge/intake.ts";
import { readPublish } from "../../handlers/bridge/message.ts";
import { createBackOff } from "../../pipeline/back-off.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { StoreFullError } from "../../pipeline/errors.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { bridgeConfig, createHeldReceiver, publishPacket, turn } from "./bridge-setup.ts";

function open(fields: Partial<BridgeConfig> = {}) {
  const config = bridgeConfig(fields);
  const clock = createFakeClock();
  const receiver = createHeldReceiver();
  const counters = { retainedSkipped: 0, droppedWhenBusy: 0 };
  const acknowledged: number[] = [];
  /** When they were sent. */
  const pings: number[] = [];
  const startedAtMs = clock.monotonicMs();
  const withheld: (string | undefined)[] = [];
  const ids = createMessageIds({ journal: undefined, inflightMax: 10, uuid: () => crypto.randomUUID() });
  ids.reached();
  const intake = createIntake({
    config,
    receiver,
    packetBytesMax: 40_000_000,
    ids,
    clock,
    backOff: createBackOff(() => 0.5),
    acknowledge: (packetIds) => acknowledged.push(...packetIds),
    keepAlive() {
      pings.push(clock.monotonicMs() - startedAtMs);
      return 60;
    },
    onWithheld: (cause) => withheld.push(cause?.message),
    counters,
  });
  /** What came in one piece with others. */
  function takeAtOnce(messageId: number, more: Parameters<typeof publishPacket>[0] = {}) {
    const state = { hasGoneOn: false };
    intake.take(readPublish(publishPacket({ messageId, payload: String(messageId), ...more })));
    const goOn = () => {
      state.hasGoneOn = true;
    };
    const room = intake.room();
    if (room) void room.then(goOn);
    else goOn();
    return state;
  }
  async function take(...packet: Parameters<typeof takeAtOnce>) {
    const state = takeAtOnce(...packet);
    await turn();
    return state;
  }
  return { intake, take, takeAtOnce, receiver, clock, counters, acknowledged, pings, withheld };
}

const full = new StoreFullError("Full");

describe("createIntake", () => {
  it("take() acknowledges a message once it is stored", async () => {
    const { take, receiver, acknowledged } = open();
    const state = await take(1);
    expect(state.hasGoneOn).toBe(true);
    await turn();
    expect(acknowledged).toEqual([]);
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([1]);
  });

  it("take() works on messages at the same time and acknowledges them in their order of arrival", async () => {
    const { take, receiver, acknowledged } = open();
    for (const packetId of [5, 3, 9]) await take(packetId);
    expect(receiver.calls).toHaveLength(3);
    receiver.calls[2]?.accept();
    receiver.calls[1]?.accept();
    await turn();
    expect(acknowledged).toEqual([]);
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([5, 3, 9]);
  });

  it("take() stores together what comes at once, up to a limit of messages and of bytes", async () => {
    const { takeAtOnce, receiver, acknowledged } = open({ maxInflightMessages: 1_000 });
    takeAtOnce(1);
    takeAtOnce(2, { qos: 0 });
    takeAtOnce(3);
    await turn();
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([1, 3]);
    for (let packetId = 1; packetId <= 300; packetId++) takeAtOnce(packetId);
    for (let packetId = 301; packetId <= 303; packetId++)
      takeAtOnce(packetId, { payload: "x".repeat(65_536) });
    await turn();
    expect(receiver.calls.map(({ text }) => text.split(",").length)).toEqual([3, 256, 45, 1, 1]);
  });

  it("take() drops messages of QoS 0 from what is tried again", async () => {
    const { takeAtOnce, receiver, clock, counters } = open();
    takeAtOnce(1);
    takeAtOnce(2, { qos: 0 });
    await turn();
    receiver.calls[0]?.fail(full);
    clock.advance(await clock.asleep());
    await receiver.until(2);
    expect(receiver.calls.map(({ text }) => text)).toEqual(["1,2", "1"]);
    expect(counters.droppedWhenBusy).toBe(1);
  });

  it("take() keeps what the store refuses, tries again together, and acknowledges nothing out of order", async () => {
    const { take, receiver, clock, acknowledged, withheld } = open();
    await take(1);
    await take(2);
    receiver.calls[0]?.fail(full);
    receiver.calls[1]?.accept();
    expect(await clock.asleep()).toBe(1_000);
    await take(3);
    expect(acknowledged).toEqual([]);
    expect(receiver.calls).toHaveLength(2);
    clock.advance(1_000);
    await receiver.until(4);
    expect(receiver.calls.map(({ text }) => text)).toEqual(["1", "2", "1", "3"]);
    receiver.calls[3]?.accept();
    receiver.calls[2]?.accept();
    await turn();
    expect(acknowledged).toEqual([1, 2, 3]);
    expect(withheld).toEqual(["Full", undefined]);
  });

  it("take() waits longer after each failure, and short again after a success", async () => {
    const { take, receiver, clock } = open();
    await take(1);
    for (const [attempt, delayMs] of [1_000, 1_500, 2_250].entries()) {
      receiver.calls[attempt]?.fail(full);
      expect(await clock.asleep()).toBe(delayMs);
      clock.advance(delayMs);
      await receiver.until(attempt + 2);
    }
    receiver.calls[3]?.accept();
    await turn();
    await take(2);
    receiver.calls[4]?.fail(full);
    expect(await clock.asleep()).toBe(1_000);
  });

  it("take() waits short again when some of what waits is stored, and the rest finds no room", async () => {
    const { take, receiver, clock } = open();
    for (const packetId of [1, 2, 3]) await take(packetId);
    const attempts = [
      { calls: [0, 1, 2], stored: undefined, delayMs: 1_000 },
      { calls: [3, 4, 5], stored: 5, delayMs: 1_500 },
      { calls: [6, 7], stored: 7, delayMs: 1_000 },
      { calls: [8], stored: undefined, delayMs: 1_000 },
    ];
    for (const { calls, stored, delayMs } of attempts) {
      await receiver.until(Math.max(...calls) + 1);
      for (const call of calls) if (call !== stored) receiver.calls[call]?.fail(full);
      if (stored !== undefined) receiver.calls[stored]?.accept();
      expect(await clock.asleep()).toBe(delayMs);
      clock.advance(delayMs);
    }
  });

  it("take() keeps of what was read no more than the messages, while they wait for room", async () => {
    const { intake, take, receiver, clock } = open();
    const read = Buffer.from("2 and all that was read with it");
    await take(1);
    receiver.calls[0]?.fail(full);
    await clock.asleep();
    const second = readPublish(publishPacket({ messageId: 2 }));
    intake.take({ ...second, message: { ...second.message, payload: read.subarray(0, 1) } });
    await turn();
    clock.advance(1_000);
    await receiver.until(3);
    read.fill("x");
    expect(Buffer.from(receiver.calls[2]?.message.payload ?? []).toString()).toBe("2");
  });

  it("take() gives a message the same message id at each attempt", async () => {
    const { take, receiver, clock } = open();
    await take(1);
    receiver.calls[0]?.fail(full);
    clock.advance(await clock.asleep());
    await receiver.until(2);
    expect(receiver.calls[1]?.message.repeatId).toEqual(receiver.calls[0]?.message.repeatId);
    expect(receiver.calls[0]?.message.repeatId).toEqual({
      run: expect.any(String),
      number: expect.any(Number),
    });
  });

  it("take() lets a message expire from its arrival on, however long it waits", async () => {
    const { take, receiver, clock } = open();
    const arrivedAtUs = clock.nowUs();
    await take(1, { properties: { messageExpiryInterval: 2 } });
    receiver.calls[0]?.fail(full);
    clock.advance(await clock.asleep());
    await receiver.until(2);
    expect(receiver.calls[1]?.message).toMatchObject({
      publishedAtUs: arrivedAtUs,
      messageExpiryIntervalSeconds: 2,
    });
  });

  it("take() stops the client when the broker sends far more than its limit in flight", async () => {
    const { take, receiver } = open({ maxInflightMessages: 2 });
    for (const packetId of [1, 2, 3]) expect((await take(packetId)).hasGoneOn).toBe(true);
    const fourth = await take(4);
    expect(fourth.hasGoneOn).toBe(false);
    receiver.calls[0]?.accept();
    await turn();
    expect(fourth.hasGoneOn).toBe(true);
  });

  it("take() stops the client while much waits to be stored, and goes on when there is room", async () => {
    const { take, receiver } = open();
    const mebibytes = 1_048_576;
    expect((await take(1, { length: 31 * mebibytes })).hasGoneOn).toBe(true);
    const second = await take(2, { length: 31 * mebibytes });
    expect(second.hasGoneOn).toBe(false);
    receiver.calls[1]?.accept();
    await turn();
    expect(second.hasGoneOn).toBe(true);
    const third = await take(3, { length: mebibytes });
    expect(third.hasGoneOn).toBe(false);
    receiver.calls[0]?.fail(full);
    await turn();
    expect(third.hasGoneOn).toBe(false);
    receiver.calls[2]?.accept();
    await turn();
    expect(third.hasGoneOn).toBe(true);
  });

  it("take() keeps the beginning of a packet that is too large, as a dead letter, and acknowledges it", async () => {
    const { takeAtOnce, receiver, acknowledged } = open();
    takeAtOnce(1);
    takeAtOnce(2, { length: 40_000_001, payload: "y".repeat(100_000) });
    await turn();
    const [call] = receiver.calls;
    const [, broken] = receiver.calls.flatMap(({ elements }) => elements);
    expect(broken).toMatchObject({
      kind: "broken",
      reason:
        'Cannot take a packet of 40000001 bytes to topic "plant/a": limit is 40000000; the payload is cut off',
      body: Buffer.from("y".repeat(65_536)),
    });
    call?.accept();
    await turn();
    expect(acknowledged).toEqual([1, 2]);
  });

  it("take() keeps the connection alive while the client reads nothing", async () => {
    const { take, receiver, clock, pings } = open({ maxInflightMessages: 1 });
    await take(1);
    await take(2);
    for (let times = 0; times < 3; times++) clock.advance(await clock.asleep());
    await turn();
    expect(pings).toEqual([0, 30_000, 60_000, 90_000]);
    receiver.calls[0]?.accept();
    await turn();
    clock.advance(30_000);
    await turn();
    expect(pings).toHaveLength(4);
  });

  it("take() answers a repeat on the same connection once", async () => {
    const { take, receiver, acknowledged } = open();
    await take(1);
    await take(1, { dup: true });
    expect(receiver.calls).toHaveLength(1);
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([1]);
    await take(1);
    expect(receiver.calls).toHaveLength(2);
    expect(receiver.calls[1]?.message.repeatId).not.toEqual(receiver.calls[0]?.message.repeatId);
  });

  it("take() acknowledges a retained message in its turn, counts it, and does not store it", async () => {
    const { take, receiver, acknowledged, counters } = open();
    await take(1);
    await take(2, { retain: true });
    await take(0, { retain: true, qos: 0 });
    expect(acknowledged).toEqual([]);
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([1, 2]);
    expect(receiver.calls).toHaveLength(1);
    expect(counters.retainedSkipped).toBe(2);
  });

  it("take() stores a retained message where that is wanted", async () => {
    const { take, receiver, counters } = open({ retained: true });
    await take(1, { retain: true });
    expect(receiver.calls[0]?.message.retain).toBe(true);
    expect(counters.retainedSkipped).toBe(0);
  });

  it("take() stores a message of QoS 0, without a message id and a PUBACK", async () => {
    const { take, receiver, acknowledged, counters } = open();
    const state = await take(0, { qos: 0 });
    expect(state).toEqual({ hasGoneOn: true, error: undefined });
    expect(receiver.calls[0]?.message.repeatId).toBeUndefined();
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([]);
    expect(counters.droppedWhenBusy).toBe(0);
  });

  it("take() drops and counts a message of QoS 0 that the store refuses, and those until it is tried again", async () => {
    const { take, receiver, clock, counters, withheld } = open();
    await take(0, { qos: 0 });
    receiver.calls[0]?.fail(full);
    await turn();
    await take(0, { qos: 0 });
    expect(counters.droppedWhenBusy).toBe(2);
    clock.advance(await clock.asleep());
    await turn();
    await take(0, { qos: 0 });
    receiver.calls[1]?.accept();
    await turn();
    expect(counters.droppedWhenBusy).toBe(2);
    expect(withheld).toEqual(["Full", undefined]);
  });

  it("take() stops the client while so many messages of QoS 0 wait, and drops none", async () => {
    const { takeAtOnce, receiver, counters } = open();
    for (let n = 1; n < 2_000; n++) expect(takeAtOnce(0, { qos: 0 }).hasGoneOn).toBe(true);
    const last = takeAtOnce(0, { qos: 0 });
    await turn();
    expect(last.hasGoneOn).toBe(false);
    receiver.calls[0]?.accept();
    await turn();
    expect(last.hasGoneOn).toBe(true);
    expect(counters.droppedWhenBusy).toBe(0);
  });

  it("take() stops the client while so many bytes of QoS 0 wait", async () => {
    const { takeAtOnce } = open();
    const payload = "x".repeat(1_048_576);
    for (let n = 1; n < 16; n++) expect(takeAtOnce(0, { qos: 0, payload }).hasGoneOn).toBe(true);
    const last = takeAtOnce(0, { qos: 0, payload });
    await turn();
    expect(last.hasGoneOn).toBe(false);
  });

  it("take() lets the client go on when messages of QoS 0 that it waits for cannot be stored", async () => {
    const { takeAtOnce, receiver, clock, counters } = open();
    let last = takeAtOnce(0, { qos: 0 });
    for (let n = 2; n <= 2_000; n++) last = takeAtOnce(0, { qos: 0 });
    await turn();
    expect(last.hasGoneOn).toBe(false);
    receiver.calls[0]?.fail(full);
    await clock.asleep();
    await turn();
    expect(last.hasGoneOn).toBe(true);
    expect(takeAtOnce(0, { qos: 0 }).hasGoneOn).toBe(true);
    expect(counters.droppedWhenBusy).toBe(256 + 1);
  });

  it("stop() acknowledges what is being stored, and takes nothing more", async () => {
    const { intake, take, takeAtOnce, receiver, acknowledged } = open();
    takeAtOnce(1);
    const stopped = intake.stop();
    const late = await take(2);
    expect(late.hasGoneOn).toBe(true);
    await take(0, { qos: 0 });
    receiver.calls[0]?.accept();
    await stopped;
    expect(acknowledged).toEqual([1]);
    expect(receiver.calls).toHaveLength(1);
  });

  it("stop() leaves what waits for room to the broker", async () => {
    const { intake, take, receiver, clock, acknowledged } = open();
    await take(1);
    receiver.calls[0]?.fail(full);
    await clock.asleep();
    await take(2);
    await intake.stop();
    expect(acknowledged).toEqual([]);
    expect(receiver.calls).toHaveLength(1);
  });

  it("stop() lets the client read on to the end of the connection, whatever there is no room for", async () => {
    const { intake, take, receiver, clock } = open({ maxInflightMessages: 1 });
    await take(1);
    receiver.calls[0]?.fail(full);
    await clock.asleep();
    const held = await take(2);
    expect(held.hasGoneOn).toBe(false);
    await intake.stop();
    expect(held.hasGoneOn).toBe(true);
    expect(intake.room()).toBeUndefined();
  });

  it("stop() ends with the last message that is being stored, also when it fails", async () => {
    const { intake, take, receiver, acknowledged } = open();
    await take(1);
    await take(2);
    const stopped = intake.stop();
    receiver.calls[0]?.accept();
    receiver.calls[1]?.fail(full);
    await stopped;
    expect(acknowledged).toEqual([1]);
  });

  it("close() waits no more for what is to be delivered", async () => {
    const { intake, take, receiver } = open();
    await take(1);
    const stopped = intake.stop();
    expect(receiver.calls[0]?.signal?.aborted).toBe(false);
    intake.close();
    expect(receiver.calls[0]?.signal?.aborted).toBe(true);
    receiver.calls[0]?.fail(new Error("Not settled"));
    await stopped;
  });

  it("close() lets what is being stored be stored, and acknowledges nothing more", async () => {
    const { intake, take, receiver, acknowledged } = open();
    await take(1);
    intake.close();
    receiver.calls[0]?.accept();
    await turn();
    expect(acknowledged).toEqual([]);
  });
});
