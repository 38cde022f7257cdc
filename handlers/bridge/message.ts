import type { IPublishPacket, Packet } from "mqtt";
import { quote } from "../../pipeline/judge.ts";
import type { UserProperty } from "../../pipeline/message.ts";
import type { Element, ReadMessage } from "../../pipeline/source/adapter.ts";

/** The message of a PUBLISH packet, as the store is to get it, and what the packet says beside it. */
export interface Publish {
  kind: "message";
  /** Its id, and when it was taken, are not the packet's to say. */
  message: PublishedMessage;
  /** Undefined: of QoS 0. */
  delivery: Delivery | undefined;
  /** Of all of the packet but its first ones. */
  bytes: number;
}

/** A message of QoS 1 that is not acknowledged yet. */
export interface Delivery {
  packetId: number;
  isSettled: boolean;
}

export interface PublishedMessage extends ReadMessage {
  payload: Buffer;
  qos: 0 | 1;
  retain: boolean;
  dup: boolean;
}

export const noUserProperties: readonly UserProperty[] = [];
/** So much of a payload is kept that is too large. */
const beginningBytes = 65_536;

/** What MQTT.js has read. The order of User Properties is known only among those of one name. */
export function readPublish({
  topic,
  payload,
  qos,
  retain,
  dup,
  messageId,
  length,
  properties,
}: IPublishPacket): Publish {
  return {
    kind: "message",
    message: {
      topic,
      payload: typeof payload === "string" ? Buffer.from(payload) : payload,
      qos: qos === 0 ? 0 : 1,
      retain,
      dup,
      repeatId: undefined,
      publishedAtUs: undefined,
      contentType: properties?.contentType,
      messageExpiryIntervalSeconds: properties?.messageExpiryInterval,
      userProperties: properties?.userProperties ? pairsOf(properties.userProperties) : noUserProperties,
    },
    delivery: qos === 0 || messageId === undefined ? undefined : { packetId: messageId, isSettled: false },
    bytes: length ?? payload.length,
  };
}

/** Of a packet that is too large, why, and the beginning of its payload, copied so that the rest can go. */
export function readBeginning({ message, bytes }: Publish, packetBytesMax: number): Element {
  const { topic, payload } = message;
  const reason = `Cannot take a packet of ${bytes} bytes to topic ${quote(topic)}: limit is ${packetBytesMax}; the payload is cut off`;
  const body = Buffer.from(payload.subarray(0, beginningBytes));
  return { kind: "broken", path: "", reason, body };
}

/**
 * What breaks the protocol in a packet that could be parsed, or is of no subscription of ours; undefined: nothing.
 *
 * Source: MQTT 5.0, 2.2.1, 3.2.2.3, 3.3.2.3 and 3.8.4.
 */
export function findFault(packet: Packet): string | undefined {
  // The parser gives -1 for what was cut off.
  if (typeof packet.messageId === "number" && packet.messageId < 1)
    return "a packet without Packet Identifier";
  if (packet.cmd === "connack" && !isKeepAlive(packet.properties?.serverKeepAlive))
    return "an answer with a Keep Alive that cannot be read";
  if (packet.cmd !== "publish") return undefined;
  if (packet.qos === 2) return "a message of QoS 2, which was not subscribed to";
  if (packet.properties && !areReadable(packet.properties)) {
    return "a message with properties that cannot be read";
  }
  return undefined;
}

/** Not what is cut off or comes twice. */
function isKeepAlive(seconds = 0): boolean {
  return Number.isInteger(seconds) && seconds >= 0;
}

/** One that comes twice, where once is right, is an array. */
function areReadable(properties: NonNullable<IPublishPacket["properties"]>): boolean {
  const { messageExpiryInterval = 0, contentType = "", userProperties = {} } = properties;
  return (
    Number.isInteger(messageExpiryInterval) &&
    messageExpiryInterval >= 0 &&
    typeof contentType === "string" &&
    Object.values(userProperties).every((values) =>
      [values].flat().every((value) => typeof value === "string"),
    )
  );
}

function pairsOf(properties: Record<string, string | string[]>): UserProperty[] {
  return Object.entries(properties).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
}
