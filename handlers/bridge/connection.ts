/**
 * One connection to the broker, from CONNECT to its end:
 *
 *   connecting ──CONNACK──▶ subscribing ──SUBACK──▶ connected ──▶ closing ──▶ ended
 *        └─────────────────────┴── refused, cut, failed ──┴─────────────────────▲
 *
 * MQTT.js sees the messages alone that are not taken past it, and would send each PUBACK before it goes on. It is told
 * that they failed, so that it sends none and goes on at once; the intake's own PUBACKs follow in order.
 */
import { Socket } from "node:net";
import type { IClientOptions, MqttClient, Packet } from "mqtt";
import type { Clock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { toError } from "../../pipeline/errors.ts";
import type { EnhancedAuthentication } from "./credentials.ts";
import type { MessageIds } from "./ids.ts";
import type { Intake, IntakeOptions } from "./intake.ts";
import { findFault, type Publish, readPublish } from "./message.ts";
import { sendPubacks, sendReauthentication } from "./packets.ts";
import {
  describeBreach,
  describeFailure,
  describeOwnFailure,
  describeReasonCode,
  silentEnd,
} from "./reasons.ts";
import { openShortcut } from "./shortcut.ts";

export interface ConnectionOptions {
  config: BridgeConfig;
  client: IClientOptions;
  connect(options: IClientOptions): MqttClient;
  createIntake(wire: Pick<IntakeOptions, "acknowledge" | "keepAlive">): Intake;
  ids: MessageIds;
  clock: Clock;
  /** Where the store outlives the process. */
  subscriptions: SubscriptionJournal | undefined;
  /** The broker keeps the subscriptions of the session that this one resumes. */
  isSubscribed: boolean;
  onAccepted(options: { isResumed: boolean }): void;
  /** `isLowered`: messages come with QoS 0 where QoS 1 was asked for. */
  onSubscribed(options: { isLowered: boolean }): void;
}

/** The Topic Filters that the session at the broker has, as far as is known. */
export interface SubscriptionJournal {
  /** Empty when it cannot be read. */
  read(): readonly string[];
  write(filters: readonly string[]): void;
}

export interface BridgeConnection {
  /** Resolves when nothing of it is left, with what ended it; undefined: `close` did. */
  readonly ended: Promise<string | undefined>;
  reauthenticate(authentication: EnhancedAuthentication): void;
  /** Acknowledge what is being stored, for so long at most, and disconnect; the broker keeps the session. */
  close(options: { graceMs: number }): Promise<void>;
}

const withheld = new Error("The PUBACK is sent later");
/** Longest wait for SUBACK. */
const subscribeTimeoutMs = 30_000;
/** Longest wait for the broker to close its side. */
const disconnectTimeoutMs = 2_000;

/** Connect and subscribe. Errors: none, each ends the connection. */
export function openConnection(options: ConnectionOptions): BridgeConnection {
  const { config, ids, subscriptions, clock, onAccepted, onSubscribed } = options;
  const gone = new AbortController();
  const ended = Promise.withResolvers<string | undefined>();
  let reason: string | undefined;
  let isAccepted = false;
  let isClosing = false;

  const client = options.connect(options.client);
  const intake = options.createIntake({
    acknowledge: (packetIds) => sendPubacks(client, packetIds),
    keepAlive() {
      if (client.connected) {
        client.sendPing();
        client.reschedulePing(true);
      }
      return client.keepalive;
    },
  });

  function fail(why: string) {
    reason ??= why;
    // The client still acts on what it has read, but answers nothing then.
    client.connected = false;
    if (client.stream) client.stream.destroy();
    else finish();
  }

  function finish() {
    intake.close();
    gone.abort();
    ended.resolve(reason ?? (isClosing ? undefined : silentEnd));
  }

  /** Seen before the client acts on it: messages may follow in the same instant. */
  function observe(packet: Packet) {
    const fault = packet.cmd === "publish" && !isAccepted ? "a message before its answer" : findFault(packet);
    if (fault) {
      // MQTT.js would act on them all the same, and throw where nobody catches it.
      if ("properties" in packet) delete packet.properties;
      return fail(describeBreach(fault));
    }
    if (packet.cmd === "connack") {
      const code = packet.reasonCode ?? packet.returnCode;
      if (code === undefined) return fail(describeBreach("an answer without a code"));
      if (code !== 0) return fail(describeReasonCode(code, packet.properties?.reasonString));
      isAccepted = true;
      ids.begin({ isResumed: packet.sessionPresent });
      onAccepted({ isResumed: packet.sessionPresent });
    } else if (packet.cmd === "disconnect") {
      fail(describeReasonCode(packet.reasonCode ?? 0, packet.properties?.reasonString));
    }
  }

  function take(publish: Publish) {
    // What was read together with what failed is still handed over.
    if (reason !== undefined) return;
    try {
      intake.take(publish);
    } catch (error) {
      fail(describeOwnFailure(toError(error)));
    }
  }

  function subscribe(isResumed: boolean) {
    const { topicFilters, sharedSubscription, qos, retained, protocolVersion } = config;
    // A broker that has gone back to what it saved may have the session without the subscription. Where it costs all
    // retained messages each time, the broker is believed.
    if (isResumed && options.isSubscribed && protocolVersion === 4) return onSubscribed({ isLowered: false });
    const filters =
      sharedSubscription === undefined
        ? [...topicFilters]
        : topicFilters.map((filter) => `$share/${sharedSubscription}/${filter}`);
    // Retained messages: never, or once when the broker did not have the subscription. Source: MQTT 5.0, 3.8.3.1.
    const retainHandling = retained ? 1 : 2;
    const answered = new AbortController();
    const stale = isResumed
      ? (subscriptions?.read() ?? []).filter((filter) => !filters.includes(filter))
      : [];
    if (!note([...filters, ...stale])) return;
    client.subscribe(filters, { qos, nl: false, rap: false, rh: retainHandling }, (error, _, suback) => {
      answered.abort();
      if (gone.signal.aborted || isClosing) return;
      const granted = suback?.granted.map(Number) ?? [];
      const refusal = describeRefusal(filters, granted);
      if (refusal || error) return fail(refusal ?? describeFailure(toError(error)));
      if (stale.length > 0) unsubscribe(stale, filters);
      onSubscribed({ isLowered: granted.some((code) => code < qos) });
    });
    void clock.sleep(subscribeTimeoutMs, AbortSignal.any([gone.signal, answered.signal])).then(() => {
      if (!answered.signal.aborted)
        fail("The broker did not answer the subscription in time: check its load");
    });
  }

  /** What was configured before: its messages would come for as long as the session lives. */
  function unsubscribe(stale: readonly string[], filters: readonly string[]) {
    client.unsubscribe([...stale], (error) => {
      if (gone.signal.aborted || isClosing) return;
      if (error) fail(describeFailure(error));
      else note(filters);
    });
  }

  /** False: it cannot be written, and the connection is given up. */
  function note(filters: readonly string[]): boolean {
    try {
      subscriptions?.write(filters);
      return true;
    } catch (error) {
      fail(describeOwnFailure(toError(error)));
      return false;
    }
  }

  function start() {
    try {
      ids.prepare();
    } catch (error) {
      return fail(describeOwnFailure(toError(error)));
    }
    try {
      client.connect();
    } catch (error) {
      return fail(describeFailure(toError(error)));
    }
    const { stream } = client;
    stream.on("error", (error: Error) => fail(describeFailure(error)));
    openShortcut(stream, {
      protocolVersion: config.protocolVersion,
      isOpen: () => isAccepted,
      take,
      room: intake.room,
    });
    // A PUBACK does not wait until the broker has confirmed the one before.
    if (stream instanceof Socket) stream.setNoDelay(true);
    if (config.url.startsWith("ws")) ids.reached();
    else stream.once("connect", ids.reached);
  }

  client.handleMessage = (packet, next) => {
    take(readPublish(packet));
    next(withheld);
  };
  client.on("packetreceive", observe);
  client.on("connect", ({ sessionPresent }) => subscribe(sessionPresent));
  client.on("error", (error) => fail(describeFailure(error)));
  client.on("close", finish);
  start();
  return {
    ended: ended.promise,
    reauthenticate: (authentication) => sendReauthentication(client, authentication),
    async close({ graceMs }) {
      isClosing = true;
      await Promise.race([intake.stop(), clock.sleep(graceMs, gone.signal)]);
      if (client.connected) client.end(false);
      else client.stream?.destroy();
      await Promise.race([ended.promise, clock.sleep(disconnectTimeoutMs, gone.signal)]);
      client.stream?.destroy();
      await ended.promise;
    },
  };
}

/** Undefined: all are granted. */
function describeRefusal(filters: readonly string[], granted: readonly number[]): string | undefined {
  const index = granted.findIndex((code) => code >= 128);
  if (index < 0) return undefined;
  return `Cannot subscribe to ${JSON.stringify(filters[index])}: ${describeReasonCode(granted[index] ?? 128)}`;
}
