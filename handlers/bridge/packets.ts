/**
 * The packets that MQTT.js has no public call for. A client is connected once: what comes too late for its connection
 * goes nowhere, and never acknowledges what a later connection got under the same Packet Identifier.
 */
import type { MqttClient } from "mqtt";
import type { EnhancedAuthentication } from "./credentials.ts";

/** Source: MQTT 5.0, 3.4. */
const pubackBytes = 4;
const pubackHeader = 0x4002;
/** Source: MQTT 5.0, 3.15.2.1. */
const reauthenticate = 0x19;
/** Private; the one that the client sends its own packets with. */
const sendPacket = "_sendPacket";

/** Acknowledge messages of QoS 1, in this order, in one write. */
export function sendPubacks(client: MqttClient, packetIds: readonly number[]): void {
  if (!client.connected) return;
  const packets = Buffer.alloc(pubackBytes * packetIds.length);
  let at = 0;
  for (const packetId of packetIds) {
    at = packets.writeUInt16BE(pubackHeader, at);
    at = packets.writeUInt16BE(packetId, at);
  }
  client.stream.write(packets);
}

/** Show newer authentication data on a connection that is open. Source: MQTT 5.0, 4.12.1. */
export function sendReauthentication(client: MqttClient, properties: EnhancedAuthentication): void {
  if (client.connected) client[sendPacket]({ cmd: "auth", reasonCode: reauthenticate, properties });
}
