import type { LastValue, MqttMessage, UserProperty } from "../../message.ts";

/** What of a message has no column of its own. */
type Properties = Omit<MqttMessage, "source" | "topic" | "payload"> & { isReplay?: boolean | undefined };

type Packed = [
  qos?: 0 | 1 | 2 | null | undefined,
  retain?: 0 | 1 | null | undefined,
  dup?: 0 | 1 | null | undefined,
  clientId?: string | null | undefined,
  messageId?: string | null | undefined,
  publishedAtUs?: number | null | undefined,
  messageExpiryIntervalSeconds?: number | null | undefined,
  contentType?: string | null | undefined,
  userProperties?: readonly UserProperty[] | null | undefined,
  isReplay?: 0 | 1 | null | undefined,
  throttledBy?: readonly string[] | null | undefined,
  lastValues?: readonly PackedLastValue[] | null | undefined,
];

type PackedLastValue = readonly [rule: string, input: string, member: string, value: string];

/** Pack as a JSON array by position, without what follows the last one that is there; null: nothing is there. */
export function packProperties(message: Properties): string | null {
  const packed: Packed = [
    message.qos,
    bit(message.retain),
    bit(message.dup),
    message.clientId,
    message.messageId,
    message.publishedAtUs,
    message.messageExpiryIntervalSeconds,
    message.contentType,
    message.userProperties.length === 0 ? undefined : message.userProperties,
    message.isReplay ? 1 : undefined,
    message.throttledBy,
    message.lastValues?.map(packLastValue),
  ];
  while (packed.length > 0 && packed[packed.length - 1] === undefined) packed.pop();
  if (packed.length === 0) return null;
  return packed.length > flagPositions ? JSON.stringify(packed) : flagsText(packed);
}

/** QoS, RETAIN and DUP. */
const flagPositions = 3;
const flagTexts: string[] = [];

/** Most messages of a bridge have no more: their text is not made again for each. */
function flagsText(packed: Packed): string {
  const [qos, retain, dup] = packed;
  const at = ((qos ?? 3) * 3 + (retain ?? 2)) * 3 + (dup ?? 2);
  const text = flagTexts[at] ?? JSON.stringify(packed);
  flagTexts[at] = text;
  return text;
}

const noProperties: Properties = { userProperties: [] };

export function unpackProperties(text: string | null): Properties {
  if (text === null) return noProperties;
  const packed = parsePacked(text);
  return {
    qos: packed[0] ?? undefined,
    retain: flag(packed[1]),
    dup: flag(packed[2]),
    clientId: packed[3] ?? undefined,
    messageId: packed[4] ?? undefined,
    publishedAtUs: packed[5] ?? undefined,
    messageExpiryIntervalSeconds: packed[6] ?? undefined,
    contentType: packed[7] ?? undefined,
    userProperties: packed[8] ?? [],
    isReplay: flag(packed[9]),
    throttledBy: packed[10] ?? undefined,
    lastValues: packed[11]?.map(unpackLastValue),
  };
}

export function packLastValue({ rule, input, member, value }: LastValue): PackedLastValue {
  return [rule, input, member, value];
}

export function unpackLastValue([rule, input, member, value]: PackedLastValue): LastValue {
  return { rule, input, member, value };
}

/**
 * Disks change bits, and no checksum tells. The payload is worth delivering without its properties, and a lane that
 * cannot read a message would stop at it.
 */
function parsePacked(text: string): Packed {
  try {
    const packed: unknown = JSON.parse(text);
    return Array.isArray(packed) ? (packed as Packed) : [];
  } catch {
    return [];
  }
}

function bit(value: boolean | undefined): 0 | 1 | undefined {
  return value === undefined ? undefined : value ? 1 : 0;
}

function flag(value: 0 | 1 | null | undefined): boolean | undefined {
  return value === undefined || value === null ? undefined : value === 1;
}
