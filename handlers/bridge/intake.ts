/**
 * What one connection has brought, from its arrival to its PUBACK. What arrives in one turn is stored together; a
 * message of QoS 1 is acknowledged once it is stored, and behind all that came before it. While messages cannot be
 * stored they are kept and tried again, and their PUBACKs are withheld, so that the broker sends no more than its
 * limit of messages in flight.
 *
 *   gathered ──▶ storing ⇄ waiting
 *                   └─────▶ settled ──▶ acknowledged, when it is the oldest
 *
 * Some brokers send more than their limit, and some messages are large. Nothing more is read then until there is
 * room, and what else keeps the connection alive is not read either.
 *
 * Of messages of QoS 0 so many are read as may wait for a commit; those beyond are the broker's to keep or to drop.
 * While messages cannot be stored they are dropped here and counted: nobody repeats them, so that to wait costs memory
 * and holds up those of QoS 1.
 *
 * Source: MQTT 5.0, 3.3.4, 4.6 and 4.9.
 */
import type { createBackOff } from "../../pipeline/back-off.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { toError } from "../../pipeline/errors.ts";
import type { Receiver } from "../../pipeline/receive.ts";
import type { Element } from "../../pipeline/source/adapter.ts";
import type { MessageIds } from "./ids.ts";
import { type Delivery, type Publish, readBeginning } from "./message.ts";

export interface IntakeOptions {
  config: BridgeConfig;
  receiver: Pick<Receiver, "receive">;
  /** Of a larger packet the beginning alone is kept, as a dead letter. */
  packetBytesMax: number;
  ids: MessageIds;
  clock: Clock;
  backOff: Pick<ReturnType<typeof createBackOff>, "next" | "reset">;
  /** Send PUBACKs, in this order. */
  acknowledge(packetIds: readonly number[]): void;
  /** Show the broker, and the client, that the connection is alive. Gives the Keep Alive in seconds, which it may have set. */
  keepAlive(): number;
  /** Nothing is stored now, and why; undefined: it goes on. */
  onWithheld(cause: Error | undefined): void;
  counters: { retainedSkipped: number; droppedWhenBusy: number };
}

export interface Intake {
  take(publish: Publish): void;
  /** Undefined: there is room for another packet. Else resolves when there is. */
  room(): Promise<void> | undefined;
  /** Take and retry nothing more. Resolves when what is being stored is acknowledged. */
  stop(): Promise<void>;
  /** The connection is gone, and with it every PUBACK. */
  close(): void;
}

type Taken = Element & Pick<Publish, "delivery" | "bytes">;

/** What waits to be stored has room for so much, and the packet that goes beyond. */
const deliveryBytesMax = 33_554_432;
/** Of messages of QoS 0: so many, and so large together, wait for a commit, and the one that goes beyond. */
const atMostOnceMax = 2_000;
const atMostOnceBytesMax = 16_777_216;
/** Stored together at most: all of it has room, or none. */
const togetherMax = 256;
const togetherBytesMax = 65_536;

export function createIntake(options: IntakeOptions): Intake {
  const { config, receiver, ids, clock, backOff, acknowledge, onWithheld, counters, packetBytesMax } =
    options;
  /** A broker that keeps to its limit never comes here. */
  const deliveriesMax = 2 * config.maxInflightMessages;
  const deliveries: Delivery[] = [];
  let deliveryBytes = 0;
  const ended = new AbortController();
  const closed = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let gathered: Taken[] = [];
  let gatheredBytes = 0;
  let storing = 0;
  const atMostOnce = { messages: 0, bytes: 0 };
  let pause: Promise<void> | undefined;
  let isWithheld = false;
  let held: PromiseWithResolvers<void> | undefined;
  let isKeptAlive = false;

  function gather(taken: Taken) {
    if (gathered.length === 0) setImmediate(storeGathered);
    gathered.push(taken);
    gatheredBytes += taken.bytes;
    if (gathered.length >= togetherMax || gatheredBytes >= togetherBytesMax) storeGathered();
  }

  function storeGathered() {
    const together = gathered;
    gathered = [];
    gatheredBytes = 0;
    if (together.length > 0) void storeInTheEnd(together);
  }

  async function storeInTheEnd(together: readonly Taken[]) {
    let left = together;
    while (left.length > 0) {
      if (pause) await pause;
      else if (await tryToStore(left)) left = [];
      else left = withoutAtMostOnce(left);
      if (ended.signal.aborted) break;
    }
    checkStopped();
  }

  async function tryToStore(together: readonly Taken[]): Promise<boolean> {
    storing += 1;
    try {
      await receiver.receive(config, { isArray: true, elements: together }, { signal: closed.signal });
    } catch (error) {
      withhold(toError(error));
      return false;
    } finally {
      storing -= 1;
    }
    settle(together);
    return true;
  }

  /** What is left of it when the rest was dropped. */
  function withoutAtMostOnce(together: readonly Taken[]): readonly Taken[] {
    return together.filter(({ delivery, bytes }) => {
      if (delivery) return true;
      counters.droppedWhenBusy += 1;
      countAtMostOnce(-1, -bytes);
      return false;
    });
  }

  function withhold(cause: Error) {
    if (ended.signal.aborted || pause) return;
    isWithheld = true;
    onWithheld(cause);
    pause = clock.sleep(backOff.next(), ended.signal).then(() => {
      pause = undefined;
    });
    releaseWithRoom();
  }

  function settle(together: readonly Taken[]) {
    for (const { delivery, bytes } of together) {
      if (!delivery) {
        countAtMostOnce(-1, -bytes);
        continue;
      }
      delivery.isSettled = true;
      deliveryBytes -= bytes;
    }
    // Also where others of the same attempt found no room: a small store is filled and emptied again and again.
    backOff.reset();
    if (isWithheld && !pause) {
      isWithheld = false;
      onWithheld(undefined);
    }
    acknowledgeInOrder();
  }

  function acknowledgeInOrder() {
    const packetIds: number[] = [];
    for (const { isSettled, packetId } of deliveries) {
      if (!isSettled) break;
      packetIds.push(packetId);
    }
    deliveries.splice(0, packetIds.length);
    if (!closed.signal.aborted && packetIds.length > 0) {
      ids.acknowledged(packetIds);
      acknowledge(packetIds);
    }
    releaseWithRoom();
  }

  function releaseWithRoom() {
    if (!held || !hasRoom()) return;
    held.resolve();
    held = undefined;
  }

  function hasRoom(): boolean {
    // What comes after the end is left to the broker, and its own end is to be seen.
    if (ended.signal.aborted) return true;
    if (deliveries.length >= deliveriesMax || deliveryBytes >= deliveryBytesMax) return false;
    // Those that would be dropped need none.
    return (
      pause !== undefined || (atMostOnce.messages < atMostOnceMax && atMostOnce.bytes < atMostOnceBytesMax)
    );
  }

  async function keepAliveWhileHeld() {
    if (isKeptAlive || config.keepAliveSeconds === 0) return;
    isKeptAlive = true;
    while (held && !ended.signal.aborted) {
      await clock.sleep(options.keepAlive() * 500, ended.signal);
    }
    isKeptAlive = false;
  }

  function checkStopped() {
    if (ended.signal.aborted && storing === 0) stopped.resolve();
  }

  function takeAtLeastOnce(publish: Publish, delivery: Delivery) {
    const { message, bytes } = publish;
    const { packetId } = delivery;
    // Its first arrival answers for both.
    if (message.dup && ids.isOpen(packetId)) return;
    message.repeatId = ids.idOf({ packetId, isDup: message.dup });
    delivery.isSettled = isSkipped(message);
    deliveries.push(delivery);
    if (delivery.isSettled) return acknowledgeInOrder();
    deliveryBytes += bytes;
    gather(toKeep(publish));
  }

  function takeAtMostOnce(publish: Publish) {
    if (isSkipped(publish.message)) return;
    if (pause) {
      counters.droppedWhenBusy += 1;
      return;
    }
    countAtMostOnce(1, publish.bytes);
    gather(toKeep(publish));
  }

  /** What no store has room for would be withheld for ever, and all that comes behind it. */
  function toKeep(publish: Publish): Taken {
    const { message, delivery, bytes } = publish;
    if (bytes > packetBytesMax) return { ...readBeginning(publish, packetBytesMax), delivery, bytes };
    // It expires from now on, however long it then waits to be stored.
    if (message.messageExpiryIntervalSeconds !== undefined) message.publishedAtUs = clock.nowUs();
    // Its payload is a view, which keeps all that was read together with it.
    if (pause) message.payload = Buffer.from(message.payload);
    return publish;
  }

  function countAtMostOnce(messages: number, bytes: number) {
    atMostOnce.messages += messages;
    atMostOnce.bytes += bytes;
  }

  /** Without Retain As Published, RETAIN is set on what was kept from before the subscription. */
  function isSkipped({ retain }: Publish["message"]): boolean {
    if (!retain || config.retained) return false;
    counters.retainedSkipped += 1;
    return true;
  }

  function end() {
    storeGathered();
    ended.abort();
    releaseWithRoom();
    checkStopped();
  }

  return {
    take(publish) {
      if (ended.signal.aborted) return;
      if (publish.delivery) takeAtLeastOnce(publish, publish.delivery);
      else takeAtMostOnce(publish);
    },
    room() {
      if (hasRoom()) return undefined;
      held ??= Promise.withResolvers();
      void keepAliveWhileHeld();
      return held.promise;
    },
    stop() {
      end();
      return stopped.promise;
    },
    close() {
      closed.abort();
      end();
    },
  };
}
