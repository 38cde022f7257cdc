import type { AdapterName } from "../config/config.ts";
import type { CreateAdapter } from "./adapter.ts";
import { createEmqxAdapter } from "./emqx.ts";
import { createMqttAdapter } from "./mqtt.ts";
import { createRawAdapter } from "./raw.ts";

/** The adapters that a source can name. */
export const adapters: Readonly<Record<AdapterName, CreateAdapter>> = {
  mqtt: createMqttAdapter,
  raw: createRawAdapter,
  emqx: createEmqxAdapter,
};
