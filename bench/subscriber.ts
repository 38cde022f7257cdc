/** A subscriber of QoS 1 that only counts. The broker keeps its session when it is ended. */
import mqtt from "mqtt";
import { scriptOptions, tell } from "./child.ts";
import type { BridgeSettings } from "./gateway.ts";

const { url, topicFilter, receiveMaximum } = scriptOptions<BridgeSettings>();
const client = mqtt.connect(url, {
  protocolVersion: 5,
  clientId: "bench-subscriber",
  clean: false,
  properties: { receiveMaximum, sessionExpiryInterval: 600 },
});
let received = 0;
client.on("message", () => {
  received += 1;
});
client.on("connect", async ({ sessionPresent }) => {
  if (!sessionPresent) await client.subscribeAsync(topicFilter, { qos: 1 });
  tell({ isSubscribed: true });
});
// Each line asked for is one answer.
process.stdin.on("data", () => tell({ received }));
// What was counted is acknowledged, and does not come again.
process.once("SIGTERM", () => client.end(() => process.exit()));
