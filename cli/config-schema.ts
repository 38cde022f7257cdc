/**
 * Writes config.schema.json and the tables of docs/configuration.md from the schema that the gateway itself uses.
 * With `--check` it writes nothing and exits 1 when they are not up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { dataflowEndpoint } from "../pipeline/config/kinds/dataflow-endpoint.ts";
import { dataflowGraph } from "../pipeline/config/kinds/dataflow-graph.ts";
import { gateway } from "../pipeline/config/kinds/gateway.ts";
import { mapping } from "../pipeline/config/kinds/mapping.ts";
import { mqttEndpoint } from "../pipeline/config/kinds/mqtt-endpoint.ts";

type JsonSchema = z.core.JSONSchema.BaseSchema;

const schemaFile = new URL("../config.schema.json", import.meta.url);
const documentationFile = new URL("../docs/configuration.md", import.meta.url);

/** JSON Schema of one document, for editors. */
export function configSchema(): string {
  const schema = z.toJSONSchema(z.union([gateway, dataflowEndpoint, mqttEndpoint, mapping, dataflowGraph]), {
    io: "input",
  });
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title: "mqtt-otlp-gateway configuration", ...rest }, null, 2)}\n`;
}

/** `documentation` with the table between each pair of markers made anew. */
export function withTables(documentation: string): string {
  const kinds: Record<string, z.ZodType> = {
    Gateway: gateway,
    OpenTelemetryEndpoint: dataflowEndpoint,
    MqttEndpoint: mqttEndpoint,
    Mapping: mapping,
    DataflowGraph: dataflowGraph,
  };
  return documentation.replace(
    /(<!-- fields of (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, kind: string, end: string) => {
      const schema = kinds[kind];
      if (schema === undefined) throw new Error(`Cannot make table: no kind ${kind}`);
      return `${begin}\n${table(z.toJSONSchema(schema, { io: "input" }))}\n\n${end}`;
    },
  );
}

function table(schema: JsonSchema): string {
  const rows = fieldsOf(schema, "", []).filter(({ field }) => field.description !== "Ignored");
  return [
    "| field | value | default | meaning |",
    "|---|---|---|---|",
    ...rows.map(
      ({ path, field, required }) =>
        `| \`${path}\` | ${describeValue(field)} | ${defaultOf(field, required)} | ${field.description ?? ""} |`,
    ),
  ].join("\n");
}

interface Row {
  path: string;
  field: JsonSchema;
  /** In its section: the document may do without that. */
  required: boolean | "in section";
}

/** One row for each field that holds a value; sections and lists of sections are only walked through. */
function fieldsOf(schema: JsonSchema, path: string, rows: Row[], ifRequired: Row["required"] = true): Row[] {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const field = asSchema(property);
    const inner = path === "" ? name : `${path}.${name}`;
    const isRequired = schema.required?.includes(name) ?? false;
    const ifRequiredWithin = isRequired || field.default !== undefined ? ifRequired : "in section";
    const items = asSchema(Array.isArray(field.items) ? undefined : field.items);
    const variants = field.oneOf?.map(asSchema);
    if (field.properties !== undefined && Object.keys(field.properties).length > 0) {
      fieldsOf(field, inner, rows, ifRequiredWithin);
    } else if (items.properties !== undefined) {
      rows.push({ path: inner, field, required: false });
      fieldsOf(items, `${inner}[]`, rows);
    } else if (variants !== undefined) {
      rows.push({ path: inner, field, required: false });
      fieldsOf(merged(variants), inner, rows, ifRequiredWithin);
    } else {
      rows.push({ path: inner, field, required: isRequired && ifRequired });
    }
  }
  return rows;
}

/** One section with the fields of all variants; a field is required when every variant requires it. */
function merged(variants: readonly JsonSchema[]): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const variant of variants) {
    for (const [name, property] of Object.entries(variant.properties ?? {})) {
      const field = asSchema(property);
      const constants = [
        ...(properties[name]?.enum ?? []),
        ...(field.const === undefined ? [] : [field.const]),
      ];
      properties[name] = constants.length > 0 ? { ...field, enum: constants } : field;
    }
  }
  const names = Object.keys(properties);
  return {
    properties,
    required: names.filter((name) => variants.every(({ required }) => required?.includes(name))),
  };
}

function asSchema(property: z.core.JSONSchema._JSONSchema | undefined): JsonSchema {
  return typeof property === "object" ? property : {};
}

function describeValue(field: JsonSchema): string {
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(", ");
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.anyOf !== undefined)
    return field.anyOf.map((variant) => describeValue(asSchema(variant))).join(", ");
  if (field.oneOf !== undefined) return "section";
  const properties = Object.keys(field.properties ?? {});
  if (properties.length > 0) return `\`{ ${properties.map((name) => `${name}: …`).join(", ")} }\``;
  switch (field.type) {
    case "integer":
    case "number":
      return `${field.type === "integer" ? "whole number" : "number"}${rangeOf(field)}`;
    case "array": {
      const items = asSchema(Array.isArray(field.items) ? undefined : field.items);
      return `list of ${items.properties === undefined ? describeValue(items) : "sections"}`;
    }
    case "object":
      return field.additionalProperties === false
        ? "`{}`"
        : `map of ${describeValue(asSchema(field.additionalProperties))}`;
    case "boolean":
      return "`true`, `false`";
    default:
      return "text";
  }
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const unbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  if (minimum === undefined) return "";
  return unbounded ? `, at least ${minimum}` : `, ${minimum}–${maximum}`;
}

function defaultOf(field: JsonSchema, required: Row["required"]): string {
  if (required) return required === "in section" ? "required in its section" : "required";
  if (field.default === undefined) return "";
  const value = field.default;
  const isEmpty =
    value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  if (isEmpty) return "none";
  return Array.isArray(value) ? value.map((one) => `\`${one}\``).join(", ") : `\`${value}\``;
}

/** Returns the exit status. */
export function main(args: readonly string[]): 0 | 1 {
  let status: 0 | 1 = 0;
  const documentation = readFileSync(documentationFile, "utf8");
  for (const [file, text] of [
    [schemaFile, configSchema()],
    [documentationFile, withTables(documentation)],
  ] as const) {
    if (!args.includes("--check")) writeFileSync(file, text);
    else if (readFileSync(file, "utf8") !== text) {
      process.stderr.write(
        `${file.pathname.split("/").at(-1)} is not up to date; run: node cli/config-schema.ts\n`,
      );
      status = 1;
    }
  }
  return status;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
