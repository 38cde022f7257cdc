import type { AdapterName } from "./config.ts";

/** Adapters that a source can name. */
export const adapterNames = [
  "mqtt",
  "raw",
  "emqx",
  "emqx4",
  "vernemq",
  "rmqtt",
  "cloudevents",
  "aws-iot",
  "json",
] as const satisfies readonly AdapterName[];

/** Fields of a source that only some adapters have. */
export const adaptersByField: Readonly<Record<string, readonly AdapterName[]>> = {
  payloadEncoding: ["emqx", "emqx4", "vernemq", "aws-iot", "json"],
  fields: ["aws-iot", "json"],
  allowedOrigins: ["cloudevents"],
  confirmationHosts: ["aws-iot"],
};

/** A source's name and adapter, of which either may be left out: one stands in for the other, else it is `mqtt`. */
export function sourceIdentity<Adapter extends string>(written: {
  name: string | undefined;
  adapter: Adapter | undefined;
}): { name: string; adapter: Adapter | AdapterName } {
  const adapter = written.adapter ?? adapterNames.find((known) => known === written.name) ?? "mqtt";
  return { name: written.name ?? adapter, adapter };
}
