/** Publish so many messages of QoS 1, to be kept by the broker for whoever has subscribed. */
import mqtt from "mqtt";
import { scriptOptions, tell } from "./child.ts";
import { payloadOf, topicOf } from "./messages.ts";

export interface PublishOptions {
  url: string;
  messages: number;
}

const { url, messages } = scriptOptions<PublishOptions>();
const unconfirmedMax = 1_000;
const client = await mqtt.connectAsync(url);
let next = 0;

async function publish() {
  while (next < messages) {
    const index = next++;
    await client.publishAsync(topicOf(index), payloadOf(index), { qos: 1 });
  }
}

await Promise.all(Array.from({ length: unconfirmedMax }, publish));
await client.endAsync();
tell({ messages });
