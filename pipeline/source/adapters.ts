import type { AdapterName } from "../config/config.ts";
import type { Adapter, AdapterOptions, CreateAdapter } from "./adapter.ts";
import { createEmqxAdapter } from "./emqx.ts";
import { createMqttAdapter } from "./mqtt.ts";
import { createRawAdapter } from "./raw.ts";

/** The adapters that a source can name. */
export const adapters: Readonly<Record<AdapterName, CreateAdapter>> = {
  mqtt: createMqttAdapter,
  raw: createRawAdapter,
  emqx: createEmqxAdapter,
};

/** The adapter of that name. */
export function createAdapter(name: AdapterName, options: AdapterOptions): Adapter {
  return adapters[name](options);
}
