import type { AdapterName } from "../config/config.ts";

/** Marks of envelopes that senders are known for, to tell an operator that a source has the wrong adapter. */
const marks: readonly {
  sender: string;
  adapter: AdapterName;
  has: (body: Record<string, unknown>) => boolean;
}[] = [
  {
    sender: "EMQX's rule engine",
    adapter: "emqx",
    has: (body) => typeof body.event === "string" && "publish_received_at" in body && "node" in body,
  },
  { sender: "RMQTT", adapter: "rmqtt", has: (body) => isPublishHook(body) && "from_clientid" in body },
  {
    sender: "EMQX 4",
    adapter: "emqx4",
    has: (body) => isPublishHook(body) && "from_client_id" in body && "node" in body,
  },
  { sender: "NanoMQ", adapter: "emqx4", has: (body) => isPublishHook(body) && "from_client_id" in body },
  { sender: "VerneMQ", adapter: "vernemq", has: (body) => "mountpoint" in body && "client_id" in body },
  {
    sender: "ChirpStack",
    adapter: "json",
    has: (body) => "deviceInfo" in body && "deduplicationId" in body,
  },
  {
    sender: "a sender of CloudEvents",
    adapter: "cloudevents",
    has: (body) => ["specversion", "id", "source", "type"].every((name) => name in body),
  },
  { sender: "a script", adapter: "mqtt", has: (body) => "topic" in body && "payloadBase64" in body },
];

function isPublishHook(body: Record<string, unknown>): boolean {
  return body.action === "message_publish";
}

/** A hint when the body bears the marks of another sender than those of `adapter`. */
export function foreignHint(body: unknown, adapter: string): string | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const mark = marks.find(({ has }) => has(body as Record<string, unknown>));
  if (mark === undefined || mark.adapter === adapter) return undefined;
  return `it looks like what ${mark.sender} posts, which the adapter ${mark.adapter} reads`;
}
