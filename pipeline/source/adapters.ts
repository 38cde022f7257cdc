import type { AdapterName } from "../config/config.ts";
import type { CreateAdapter } from "./adapter.ts";
import { createAwsIotAdapter } from "./aws-iot.ts";
import { createCloudEventsAdapter } from "./cloudevents.ts";
import { createEmqxAdapter } from "./emqx.ts";
import { createEmqx4Adapter } from "./emqx4.ts";
import { createJsonAdapter } from "./json.ts";
import { createMqttAdapter } from "./mqtt.ts";
import { createRawAdapter } from "./raw.ts";
import { createRmqttAdapter } from "./rmqtt.ts";
import { createVerneMqAdapter } from "./vernemq.ts";

/** The adapters that a source can name. */
export const adapters: Readonly<Record<AdapterName, CreateAdapter>> = {
  mqtt: createMqttAdapter,
  raw: createRawAdapter,
  emqx: createEmqxAdapter,
  emqx4: createEmqx4Adapter,
  vernemq: createVerneMqAdapter,
  rmqtt: createRmqttAdapter,
  cloudevents: createCloudEventsAdapter,
  "aws-iot": createAwsIotAdapter,
  json: createJsonAdapter,
};
