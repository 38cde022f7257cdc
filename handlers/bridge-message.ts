import type { IPublishPacket } from "mqtt";
import type { UserProperty } from "../pipeline/message.ts";
import type { ReadMessage } from "../pipeline/source/adapter.ts";

const noProperties: readonly UserProperty[] = [];

/**
 * The message in a PUBLISH packet. The order of User Properties is known only among those of one name. What expires
 * does so from `takenAtUs` on, however long it then waits to be stored.
 */
export function readPublish(
  { topic, payload, qos, retain, dup, properties }: IPublishPacket,
  { takenAtUs, messageId }: { takenAtUs: number; messageId: string | undefined },
): ReadMessage {
  const expiry = properties?.messageExpiryInterval;
  return {
    topic,
    payload: typeof payload === "string" ? Buffer.from(payload) : payload,
    qos,
    retain,
    dup,
    messageId,
    contentType: properties?.contentType,
    messageExpiryIntervalSeconds: expiry,
    publishedAtUs: expiry === undefined ? undefined : takenAtUs,
    userProperties: properties?.userProperties ? pairsOf(properties.userProperties) : noProperties,
  };
}

function pairsOf(properties: Record<string, string | string[]>): UserProperty[] {
  return Object.entries(properties).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
}
