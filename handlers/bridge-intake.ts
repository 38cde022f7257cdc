/**
 * What one connection has brought, from its arrival to its PUBACK. What arrives in one turn is stored together; a
 * message of QoS 1 is acknowledged once it is stored, and behind all that came before it. While messages cannot be
 * stored they are kept and tried again, and their PUBACKs are withheld, so that the broker sends no more than its
 * limit of messages in flight.
 *
 *   gathered ──▶ storing ⇄ waiting
 *                   └─────▶ settled ──▶ acknowledged, when it is the oldest
 *
 * Some brokers send more than their limit. Nothing more is read then until there is room, and what else keeps the
 * connection alive is not read either.
 *
 * A message of QoS 0 is stored at once or dropped and counted: nobody repeats it, so that waiting costs memory alone.
 *
 * Source: MQTT 5.0, 3.3.4, 4.6 and 4.9.
 */
import type { IPublishPacket } from "mqtt";
import type { createBackOff } from "../pipeline/back-off.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { BridgeConfig } from "../pipeline/config/config.ts";
import { toError } from "../pipeline/errors.ts";
import type { Receiver } from "../pipeline/receive.ts";
import type { Element, ReadMessage } from "../pipeline/source/adapter.ts";
import type { MessageIds } from "./bridge-ids.ts";
import { readPublish } from "./bridge-message.ts";

export interface IntakeOptions {
  config: BridgeConfig;
  receiver: Pick<Receiver, "receive">;
  ids: MessageIds;
  clock: Clock;
  backOff: Pick<ReturnType<typeof createBackOff>, "next" | "reset">;
  /** Send PUBACKs, in this order. */
  acknowledge(packetIds: readonly number[]): void;
  /** Show the broker, and the client, that the connection is alive. */
  keepAlive(): void;
  /** Nothing is stored now, and why; undefined: it goes on. */
  onWithheld(cause: Error | undefined): void;
  counters: { retainedSkipped: number; droppedWhenBusy: number };
}

export interface Intake {
  /** `next` lets the client go on with the next packet; with an error it sends no PUBACK of its own. */
  take(packet: IPublishPacket, next: (error?: Error) => void): void;
  /** Take and retry nothing more. Resolves when what is being stored is acknowledged. */
  stop(): Promise<void>;
  /** The connection is gone, and with it every PUBACK. */
  close(): void;
}

/** A message of QoS 1 that is not acknowledged yet. */
interface Delivery {
  packetId: number;
  isSettled: boolean;
}

type Taken = Extract<Element, { kind: "message" }> & {
  /** Undefined: of QoS 0. */
  delivery: Delivery | undefined;
};

const withheld = new Error("The PUBACK is sent later");
/** Of messages of QoS 0: so many, and so large together, wait for a commit. */
const atMostOnceMax = 2_000;
const atMostOnceBytesMax = 16_777_216;
/** Stored together at most: all of it has room, or none. */
const togetherMax = 256;
const togetherBytesMax = 65_536;

export function createIntake(options: IntakeOptions): Intake {
  const { config, receiver, ids, clock, backOff, acknowledge, onWithheld, counters } = options;
  /** A broker that keeps to its limit never comes here. */
  const deliveriesMax = 2 * config.maxInflightMessages;
  const deliveries: Delivery[] = [];
  const openIds = new Set<number>();
  const ended = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let gathered: Taken[] = [];
  let gatheredBytes = 0;
  let storing = 0;
  const atMostOnce = { messages: 0, bytes: 0 };
  let pause: Promise<void> | undefined;
  let isWithheld = false;
  let resume: (() => void) | undefined;
  let isKeptAlive = false;
  let isClosed = false;

  function gather(taken: Taken) {
    if (gathered.length === 0) setImmediate(storeGathered);
    gathered.push(taken);
    gatheredBytes += taken.message.payload.byteLength;
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
      await receiver.receive(config, { isArray: true, elements: together });
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
    return together.filter(({ message, delivery }) => {
      if (delivery) return true;
      counters.droppedWhenBusy += 1;
      countAtMostOnce(message, -1);
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
  }

  function settle(together: readonly Taken[]) {
    for (const { message, delivery } of together) {
      if (delivery) delivery.isSettled = true;
      else countAtMostOnce(message, -1);
    }
    if (isWithheld && !pause) {
      isWithheld = false;
      backOff.reset();
      onWithheld(undefined);
    }
    acknowledgeInOrder();
  }

  function acknowledgeInOrder() {
    const open = deliveries.findIndex(({ isSettled }) => !isSettled);
    const packetIds = deliveries
      .splice(0, open < 0 ? deliveries.length : open)
      .map(({ packetId }) => packetId);
    for (const packetId of packetIds) openIds.delete(packetId);
    if (!isClosed && packetIds.length > 0) {
      ids.acknowledged(packetIds);
      acknowledge(packetIds);
    }
    if (!resume || deliveries.length >= deliveriesMax) return;
    const goOn = resume;
    resume = undefined;
    goOn();
  }

  async function keepAliveWhileHeld() {
    if (isKeptAlive || config.keepAliveSeconds === 0) return;
    isKeptAlive = true;
    while (resume && !ended.signal.aborted) {
      options.keepAlive();
      await clock.sleep(config.keepAliveSeconds * 500, ended.signal);
    }
    isKeptAlive = false;
  }

  function checkStopped() {
    if (ended.signal.aborted && storing === 0) stopped.resolve();
  }

  function takeAtLeastOnce(packet: IPublishPacket, packetId: number) {
    // Its first arrival answers for both.
    if (packet.dup && openIds.has(packetId)) return;
    const messageId = ids.idOf({ packetId, isDup: packet.dup });
    const delivery: Delivery = { packetId, isSettled: isSkipped(packet) };
    deliveries.push(delivery);
    openIds.add(packetId);
    if (delivery.isSettled) return acknowledgeInOrder();
    const message = readPublish(packet, { takenAtUs: clock.nowUs(), messageId });
    gather({ kind: "message", message, delivery });
  }

  function takeAtMostOnce(packet: IPublishPacket) {
    if (isSkipped(packet)) return;
    if (pause || atMostOnce.messages >= atMostOnceMax || atMostOnce.bytes >= atMostOnceBytesMax) {
      counters.droppedWhenBusy += 1;
      return;
    }
    const message = readPublish(packet, { takenAtUs: clock.nowUs(), messageId: undefined });
    countAtMostOnce(message, 1);
    gather({ kind: "message", message, delivery: undefined });
  }

  function countAtMostOnce({ payload }: ReadMessage, step: 1 | -1) {
    atMostOnce.messages += step;
    atMostOnce.bytes += step * payload.byteLength;
  }

  /** Without Retain As Published, RETAIN is set on what was kept from before the subscription. */
  function isSkipped({ retain }: IPublishPacket): boolean {
    if (!retain || config.retained) return false;
    counters.retainedSkipped += 1;
    return true;
  }

  function end() {
    storeGathered();
    ended.abort();
    checkStopped();
  }

  return {
    take(packet, next) {
      if (packet.qos !== 1 || packet.messageId === undefined) {
        if (!ended.signal.aborted) takeAtMostOnce(packet);
        return next();
      }
      if (!ended.signal.aborted) takeAtLeastOnce(packet, packet.messageId);
      if (deliveries.length < deliveriesMax) return next(withheld);
      resume = () => next(withheld);
      void keepAliveWhileHeld();
    },
    stop() {
      end();
      return stopped.promise;
    },
    close() {
      isClosed = true;
      end();
    },
  };
}
