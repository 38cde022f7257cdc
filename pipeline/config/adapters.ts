import type { AdapterName } from "./config.ts";

/** Adapters that a source can name. */
export const adapterNames = ["mqtt", "raw", "emqx"] as const satisfies readonly AdapterName[];

/** Those whose senders wrap the payload in one of several ways. */
export const encodedAdapterNames: readonly string[] = ["emqx"];

/** Adapters that are planned; naming one gets a message of its own. */
export const laterAdapterNames = ["emqx4", "cloudevents", "aws-iot", "vernemq", "rmqtt", "json"];

/** A source's name and adapter, of which either may be left out: one stands in for the other, else it is `mqtt`. */
export function sourceIdentity<Adapter extends string>(written: {
  name: string | undefined;
  adapter: Adapter | undefined;
}): { name: string; adapter: Adapter | AdapterName } {
  const adapter = written.adapter ?? adapterNames.find((known) => known === written.name) ?? "mqtt";
  return { name: written.name ?? adapter, adapter };
}
