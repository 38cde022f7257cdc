/** `kind: DataflowGraph` as Azure IoT Operations has it. What several fields decide is in check-graphs.ts. */
import * as z from "zod";
import { isTopicFilter } from "../../source/topic.ts";
import { wanted } from "../messages.ts";
import { choice, ignoredFields, ignoredProperties, name, section, text } from "../schema.ts";

/** `$shared` is how Azure IoT Operations writes it, `$share` how MQTT does. Source: MQTT 5.0, 4.8.2. */
const sharePattern = /^\$shared?\/([^/+#\0]+)\/(.+)$/s;

/** What a Source node subscribes to: a Topic Filter, with the name of a share in front of it or without. */
export function readDataSource(dataSource: string): { filter: string; share: string | undefined } {
  const [, share, filter] = sharePattern.exec(dataSource) ?? [];
  return { filter: filter ?? dataSource, share };
}

const dataSource = z
  .string()
  .refine((written) => isTopicFilter(readDataSource(written).filter), {
    error: wanted("a Topic Filter such as plant/+/state or plant/#"),
  })
  .refine((written) => !/^\$shared?\//.test(readDataSource(written).filter), {
    error: wanted("one share in front of a Topic Filter, such as $shared/GROUP/plant/#"),
  });

const ignored = z.unknown().optional().meta({ description: "Ignored" });

const source = section({
  name: text.meta({ description: "Of the node" }),
  nodeType: z.literal("Source"),
  sourceSettings: section({
    endpointRef: name.meta({
      description: "Name of a DataflowEndpoint of type Mqtt, or of a source that stands in for one",
    }),
    dataSources: z.array(dataSource).min(1).meta({ description: "Topic Filters" }),
    assetRef: ignored,
  }),
});

const graph = section({
  name: text.meta({ description: "Of the node" }),
  nodeType: z.literal("Graph"),
  graphSettings: section({
    registryEndpointRef: ignored,
    artifact: z
      .string()
      .regex(/^[^:]+:[^:]+$/, { error: wanted("NAME:VERSION") })
      .meta({ description: "Of a transform that is built in" }),
    configuration: z
      .array(section({ key: text, value: z.string() }))
      .default([])
      .meta({ description: "Of the transform" }),
  }),
});

const destination = section({
  name: text.meta({ description: "Of the node" }),
  nodeType: z.literal("Destination"),
  destinationSettings: section({
    endpointRef: name.meta({ description: "Name of a DataflowEndpoint of type OpenTelemetry" }),
    dataDestination: z.string().optional().meta({ description: "Has no effect on OTLP" }),
    headers: ignored,
    outputSchemaSettings: ignored,
  }),
});

const connection = section({
  from: section({
    name: text.meta({ description: "A node; of a branch `NODE.output.true` or `NODE.output.false`" }),
    schema: section({
      serializationFormat: choice(["Json"], ["Delta", "Parquet", "Avro"]).optional(),
      schemaRef: ignored,
    }).optional(),
  }),
  to: section({ name: text.meta({ description: "A node" }) }),
});

const spec = section({
  profileRef: ignored,
  mode: choice(["Enabled", "Disabled"])
    .default("Enabled")
    .meta({ description: "Disabled: it is checked, and does not run" }),
  requestDiskPersistence: choice(["Enabled", "Disabled"])
    .optional()
    .meta({ description: "Has no effect: the gateway's store is on disk" }),
  fileStores: z
    .array(z.unknown())
    .max(0, {
      error: "File stores are for modules of one's own, which do not run here; wanted none",
    })
    .optional()
    .meta({ description: "None" }),
  nodes: z.array(z.discriminatedUnion("nodeType", [source, graph, destination])),
  nodeConnections: z.array(connection),
  ...ignoredProperties,
});

export const dataflowGraph = section({
  apiVersion: choice([
    "connectivity.iotoperations.azure.com/v1",
    "connectivity.iotoperations.azure.com/v1beta1",
  ]),
  kind: z.literal("DataflowGraph"),
  metadata: z.looseObject({ name, namespace: text.optional() }),
  spec,
  ...ignoredFields,
});

export type DataflowGraph = z.output<typeof dataflowGraph>;
