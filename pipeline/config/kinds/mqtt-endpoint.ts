/** `kind: DataflowEndpoint` as Azure IoT Operations has it, as far as it is an MQTT broker to read from. */
import * as z from "zod";
import { brokerHost } from "../broker-address.ts";
import { wanted } from "../messages.ts";
import { choice, section, text } from "../schema.ts";
import { authenticationSection, endpointDocument, tls } from "./endpoint.ts";

/** An MQTT field of so many bytes. Source: MQTT 5.0, 1.5.2 and 1.5.3. */
const twoBytesMax = 65_535;
const fourBytesMax = 4_294_967_295;

/** Source: Azure IoT Operations, DataflowEndpoint, `mqttSettings`. */
export const mqttSettings = section({
  host: text.optional().meta({
    default: brokerHost,
    description:
      "`host:port`, or a URL (`mqtt`, `mqtts`, `ws`, `wss`) whose scheme decides about TLS; the port is 1883 when left out, with TLS 8883, for WebSockets 80 and 443",
  }),
  protocol: choice(["Mqtt", "WebSockets"])
    .optional()
    .meta({ default: "Mqtt", description: "Decides when `host` has no scheme, and must not contradict one" }),
  authentication: authenticationSection({
    methods: ["SystemAssignedManagedIdentity", "UserAssignedManagedIdentity"],
    settings: ["systemAssignedManagedIdentitySettings", "userAssignedManagedIdentitySettings"],
  }).prefault({}),
  tls: tls.prefault({}),
  clientIdPrefix: z
    .string()
    .refine((prefix) => /^\P{Cc}{0,200}$/u.test(prefix), {
      error: wanted("at most 200 characters, none of them a control character"),
    })
    .default("")
    .meta({
      description: "What the Client Identifier begins with; the bridge's name and the instance follow",
    }),
  keepAliveSeconds: z.int().min(0).max(twoBytesMax).default(60).meta({ description: "Keep Alive; 0: off" }),
  qos: z.literal([0, 1]).default(1).meta({ description: "QoS of the subscriptions" }),
  sessionExpirySeconds: z.int().min(0).max(fourBytesMax).default(600).meta({
    description: "How long the broker keeps the session, and what comes for it, while the gateway is away",
  }),
  maxInflightMessages: z.int().min(1).max(twoBytesMax).default(100).meta({
    description: "Receive Maximum: messages that the broker sends before the first is acknowledged",
  }),
  retain: choice(["Keep", "Never"])
    .optional()
    .meta({ description: "About publishing; nothing is published here" }),
  cloudEventAttributes: choice(["Propagate", "CreateOrRemap"])
    .optional()
    .meta({ description: "About publishing; nothing is published here" }),
});

export const mqttEndpoint = endpointDocument("Mqtt", { mqttSettings: mqttSettings.prefault({}) });

export type BrokerConnection = z.output<typeof mqttSettings>;
export type MqttEndpoint = z.output<typeof mqttEndpoint>;
