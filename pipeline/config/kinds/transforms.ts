/** The transforms that a Graph node of a DataflowGraph can name, and what stands in their `configuration`. */
import type * as z from "zod";
import type { TransformRules } from "../../graph/rules.ts";
import { readJsonText } from "../json-text.ts";
import { unknownName } from "../messages.ts";
import { type Fault, readBySchema } from "../schema-faults.ts";
import { otelTransformKeys, otelTransformRules } from "./otel-transform.ts";
import { branchRules, filterRules, mapRules, throttleRules } from "./transform-rules.ts";

/** One `key` and `value` of a configuration, which is a list of them. */
export interface ConfigurationEntry {
  key: string;
  value: string;
}

/** The rules of a node, or everything that is wrong with its settings. */
export type TransformReading = { rules: TransformRules } | { faults: Fault[] };

interface Artifact {
  versions: readonly string[];
  read(configuration: readonly ConfigurationEntry[]): TransformReading;
}

const builtIn = ["1.0.0"];

const concatenate: Artifact = {
  versions: builtIn,
  read: (configuration) =>
    configuration.length === 0
      ? { rules: { kind: "concatenate" } }
      : { faults: [{ path: ["configuration"], message: "Wanted no configuration for concatenate" }] },
};

const otelTransform: Artifact = { versions: builtIn, read: readOtelTransform };

/** By the last name of the artifact: of a module, or of the graph definition that runs it alone. */
const artifacts: ReadonlyMap<string, Artifact> = new Map([
  [
    "graph-dataflow-map",
    { versions: builtIn, read: jsonReader("rules", mapRules, ({ map }) => ({ kind: "map", rules: map })) },
  ],
  [
    "graph-dataflow-filter",
    {
      versions: builtIn,
      read: jsonReader("rules", filterRules, ({ filter }) => ({ kind: "filter", rules: filter })),
    },
  ],
  [
    "graph-dataflow-branch",
    {
      versions: builtIn,
      read: jsonReader("rules", branchRules, ({ branch }) => ({ kind: "branch", rule: branch })),
    },
  ],
  ["graph-dataflow-concatenate", concatenate],
  ["graph-dataflow-concat", concatenate],
  [
    "graph-dataflow-throttle",
    {
      versions: builtIn,
      read: jsonReader("throttle", throttleRules, ({ perTopicThrottles }) => ({
        kind: "throttle",
        rules: perTopicThrottles.map(({ topic, maxMessagesPerSecond }) => ({
          topic,
          messagesPerSecondMax: maxMessagesPerSecond,
        })),
      })),
    },
  ],
  ["otel-transform", otelTransform],
  ["graph-otel-transform", otelTransform],
]);

const noStateStore =
  "The state store that otel-enrich reads is not here; wanted otel-transform, and for what is added attributes of the source or bridge, or a Mapping";

/** Those that are known and do not run here, with what to use instead. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  [
    "graph-dataflow-window",
    "Windows are not computed here; wanted each value by itself: gauges keep all of them, counters and histograms are added up by windowSeconds of the destination",
  ],
  ["otel-enrich", noStateStore],
  ["graph-otel", noStateStore],
]);

/** The rules of a Graph node. Paths of faults start at its `graphSettings`. */
export function readTransform(
  artifact: string,
  configuration: readonly ConfigurationEntry[],
): TransformReading {
  const [name = "", version = ""] = (artifact.split("/").at(-1) ?? "").split(":");
  const fault = (message: string) => ({ faults: [{ path: ["artifact"], message }] });
  const notHere = elsewhere.get(name);
  if (notHere !== undefined) return fault(notHere);
  const found = artifacts.get(name);
  if (found === undefined) {
    const wanted = "the name of a transform that is built in, since modules of one's own do not run here";
    return fault(`${unknownName(wanted, name, [...artifacts.keys()])}; a Mapping may do what it does`);
  }
  if (!found.versions.includes(version)) {
    return fault(`Wanted version ${found.versions.join(" or ")} of ${name}, met ${version}`);
  }
  const again = configuration.findIndex(
    ({ key }, index) => configuration.findIndex((entry) => entry.key === key) !== index,
  );
  if (again < 0) return found.read(configuration);
  const message = `Wanted each key once, met "${configuration[again]?.key}" again`;
  return { faults: [{ path: ["configuration", again, "key"], message }] };
}

/** Reads the one key of a transform, whose value is JSON. */
function jsonReader<Schema extends z.ZodType>(
  wanted: string,
  schema: Schema,
  rulesOf: (value: z.output<Schema>) => TransformRules,
): Artifact["read"] {
  return (configuration) => {
    const faults = configuration.flatMap(({ key }, index): Fault[] =>
      key === wanted
        ? []
        : [{ path: ["configuration", index, "key"], message: `Wanted ${wanted}, met "${key}"` }],
    );
    const index = configuration.findIndex(({ key }) => key === wanted);
    const entry = configuration[index];
    if (entry === undefined) {
      const missing = { path: ["configuration"], message: `Missing, wanted the key ${wanted}` };
      return { faults: faults.length === 0 ? [missing] : faults };
    }
    const path = ["configuration", index, "value"];
    const parsed = readJsonText(entry.value);
    if ("fault" in parsed) return { faults: [...faults, { path, message: parsed.fault }] };
    const read = readBySchema(schema, parsed.value);
    if ("value" in read && faults.length === 0) return { rules: rulesOf(read.value) };
    const inner = "faults" in read ? read.faults : [];
    return {
      faults: [...faults, ...inner.map((one) => ({ ...one, path: [...path, ...one.path] }))],
    };
  };
}

function readOtelTransform(configuration: readonly ConfigurationEntry[]): TransformReading {
  const keys = Object.fromEntries(configuration.map(({ key, value }) => [key, value]));
  const read = readBySchema(otelTransformKeys, keys);
  if ("value" in read) return { rules: { kind: "otelTransform", rules: otelTransformRules(read.value) } };
  const placed = read.faults.map(({ path: [key, ...rest], message }): Fault => {
    const index = configuration.findIndex((entry) => entry.key === key);
    if (index >= 0) return { path: ["configuration", index, "value", ...rest], message };
    return { path: ["configuration"], message: key === undefined ? message : `${String(key)}: ${message}` };
  });
  return { faults: placed };
}
