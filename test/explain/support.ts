import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { createExplain } from "../../pipeline/explain/explain.ts";
import type { Explanation } from "../../pipeline/explain/explanation.ts";
import { findOrigin } from "../../pipeline/explain/origin.ts";
import type { ReadMessage } from "../../pipeline/source/adapter.ts";
import { broker, endpoint, gateway, load } from "../config/support.ts";
import { createFakeClock } from "../support/fake-clock.ts";

/** A gateway of one source with the adapter mqtt; `spec` is more of its document, `destination` of that of the endpoint. */
export function configOf({ spec = "", source = "", destination = "" } = {}): GatewayConfig {
  return load(`${endpoint("host: http://127.0.0.1:4317\nbatching: {}")}---
${broker("host: broker.example:1883\ntls: { mode: Disabled }")}---
${gateway(`sources:
  - { name: devices, adapter: mqtt, authentication: { method: None }, ${source} }
destinations:
  - { endpointRef: collector, ${destination} }
${spec}`)}`);
}

export const clock = createFakeClock();
export const arrivedAtUs = clock.nowUs();

export interface Asked extends Partial<Omit<ReadMessage, "payload">> {
  payload?: unknown;
  /** The name of the source or bridge. */
  from?: string;
  instanceId?: string;
}

export const one = { metrics: [{ name: "temperature", type: "f64_gauge", value: 21.5, attributes: [] }] };

/** What is said of a message with this payload: an object as JSON, or a text as it is. */
export async function explain(
  config: GatewayConfig,
  { payload = one, from, instanceId, ...message }: Asked = {},
): Promise<Explanation> {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  const read = { topic: "plant/a", userProperties: [], ...message, payload: Buffer.from(text) };
  const origin = findOrigin(config, { name: from, topic: read.topic });
  return await createExplain({ config, instanceId, clock })(origin, read);
}

/** The step at which it ends. */
export function stopOf({ steps }: Explanation) {
  return steps.find(({ passes }) => !passes);
}

export function stepOf({ steps }: Explanation, name: Explanation["steps"][number]["step"]) {
  return steps.find(({ step }) => step === name);
}
