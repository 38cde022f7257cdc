import type { IPublishPacket, Packet } from "mqtt";
import { quote } from "../../pipeline/judge.ts";
import type { UserProperty } from "../../pipeline/message.ts";
import type { Element, ReadMessage } from "../../pipeline/source/adapter.ts";

/** What a PUBLISH packet says, as far as anybody wants to know. */
export interface Publish {
  topic: string;
  payload: Buffer;
  qos: 0 | 1;
  retain: boolean;
  dup: boolean;
  /** Undefined: of QoS 0. */
  packetId: number | undefined;
  /** Of all of the packet but its first ones. */
  bytes: number;
  contentType: string | undefined;
  messageExpiryIntervalSeconds: number | undefined;
  userProperties: readonly UserProperty[];
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
    topic,
    payload: typeof payload === "string" ? Buffer.from(payload) : payload,
    qos: qos === 0 ? 0 : 1,
    retain,
    dup,
    packetId: qos === 0 ? undefined : messageId,
    bytes: length ?? payload.length,
    contentType: properties?.contentType,
    messageExpiryIntervalSeconds: properties?.messageExpiryInterval,
    userProperties: properties?.userProperties ? pairsOf(properties.userProperties) : noUserProperties,
  };
}

/** The message in a packet. What expires does so from `takenAtUs` on, however long it then waits to be stored. */
export function messageOf(
  publish: Publish,
  { takenAtUs, messageId }: { takenAtUs: number; messageId: string | undefined },
): ReadMessage {
  const { topic, payload, qos, retain, dup, contentType, messageExpiryIntervalSeconds, userProperties } =
    publish;
  return {
    topic,
    payload,
    qos,
    retain,
    dup,
    messageId,
    contentType,
    messageExpiryIntervalSeconds,
    publishedAtUs: messageExpiryIntervalSeconds === undefined ? undefined : takenAtUs,
    userProperties,
  };
}

/** Of a packet that is too large, why, and the beginning of its payload, copied so that the rest can go. */
export function readBeginning({ topic, payload, bytes }: Publish, packetBytesMax: number): Element {
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
