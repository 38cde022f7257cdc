import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { configSchema, main, withTables } from "../../cli/config-schema.ts";
import { readConfigFiles } from "../../handlers/runtime/config-files.ts";
import { adapterNames } from "../../pipeline/config/adapters.ts";
import { loadConfig } from "../../pipeline/config/load.ts";

const examples = readdirSync("examples").map((name) => `examples/${name}`);

function loadExample(path: string) {
  return loadConfig({ files: readConfigFiles(path), environment: {}, resolvePath: (_, inner) => inner });
}

describe("examples", () => {
  it("are there", () => {
    expect(examples).toEqual(
      expect.arrayContaining([
        "examples/bridge.yaml",
        "examples/brokers.yaml",
        "examples/connectors.yaml",
        "examples/emqx-edge.yaml",
        "examples/graph.yaml",
        "examples/mapping.yaml",
        "examples/minimal.yaml",
        "examples/secured.yaml",
        "examples/two-destinations.yaml",
      ]),
    );
  });

  it.each(examples.filter((path) => path !== "examples/emqx-edge.yaml"))(
    "%s can be used, without a warning",
    (path) => {
      expect(loadExample(path).warnings).toEqual([]);
    },
  );

  it("minimal.yaml delivers to the local Collector", () => {
    expect(loadExample("examples/minimal.yaml").destinations).toMatchObject([
      {
        name: "otel-collector",
        url: "http://localhost:4317",
        batching: { latencyMs: 5000, maxMessages: 100 },
      },
    ]);
  });

  it("emqx-edge.yaml takes messages from EMQX alone", () => {
    const config = loadExample("examples/emqx-edge.yaml");
    expect(config.warnings).toEqual([
      "Secrets of source emqx arrive without TLS on 0.0.0.0, unless a proxy with TLS stands before it",
    ]);
    expect(config.sources).toMatchObject([
      { name: "emqx", adapter: "emqx", authentication: { method: "Bearer" } },
    ]);
    expect(config.destinations).toMatchObject([
      { url: "https://collector.plant.example:4317", resourceAttributes: { "service.name": "plant-7" } },
    ]);
  });

  it("secured.yaml identifies the gateway in three ways", () => {
    expect(loadExample("examples/secured.yaml").destinations).toMatchObject([
      {
        authentication: { method: "X509Certificate", folder: "/etc/gateway/secrets/otel-client" },
        trustedCaFolder: "/etc/gateway/config/plant-ca",
      },
      { authentication: { method: "ServiceAccountToken", audience: "otel-collector" } },
      {
        protocol: "http/protobuf",
        signalUrls: { metrics: "https://otlp.vendor.example:443/ingest/v1/metrics" },
        headers: { "x-api-key": { file: "./secrets/vendor" } },
      },
    ]);
  });

  it("brokers.yaml has a source for each adapter, and each method but None", () => {
    const { sources } = loadExample("examples/brokers.yaml");
    expect(new Set(sources.map(({ adapter }) => adapter))).toEqual(new Set(adapterNames));
    expect(new Set(sources.map(({ authentication }) => authentication?.method))).toEqual(
      new Set(["Bearer", "Basic", "HmacSha256", "UrlSecret", "ClientCertificate"]),
    );
  });

  it("bridge.yaml reads from two brokers", () => {
    expect(loadExample("examples/bridge.yaml")).toMatchObject({
      sources: [],
      bridges: [
        { name: "aio", url: "mqtts://aio-broker:18883", sharedSubscription: "gateways" },
        { name: "plant", url: "mqtts://mosquitto.plant.example:8883", retained: true },
      ],
    });
  });

  it("two-destinations.yaml parts the signals", () => {
    expect(loadExample("examples/two-destinations.yaml").destinations).toMatchObject([
      { url: "https://metrics.example:4317", signals: ["metrics"] },
      { url: "http://logs.example:4317", signals: ["logs"] },
    ]);
  });
});

describe("config.schema.json", () => {
  it("is up to date, and so are the tables of the documentation", () => {
    expect(main(["--check"])).toBe(0);
  });

  it.each(examples)("accepts %s, and not with an unknown field", (path) => {
    const schema = z.fromJSONSchema(JSON.parse(configSchema()));
    for (const document of parseAllDocuments(readFileSync(path, "utf8"))) {
      expect(schema.safeParse(document.toJS()).error).toBeUndefined();
      expect(schema.safeParse({ ...document.toJS(), spce: 1 }).success).toBe(false);
    }
  });
});

describe("withTables()", () => {
  it("has a row for each field with its bounds and its default", () => {
    const text = withTables("x\n<!-- fields of OpenTelemetryEndpoint -->\noutdated\n<!-- end -->\ny");
    expect(text).toContain(
      "| `spec.openTelemetrySettings.batching.latencySeconds` | whole number, 0–65535 | `60` | Longest time that a message waits for its batch; 0: none |",
    );
    expect(text).not.toContain("outdated");
    expect(text).toMatch(/^x\n<!-- fields.*<!-- end -->\ny$/s);
  });

  it("tells what a document needs from what only a section needs", () => {
    const text = withTables("<!-- fields of Gateway -->\n<!-- end -->");
    expect(text).toContain("| `spec.destinations[].endpointRef` | text | required |");
    expect(text).toMatch(/\| `spec\.administration\.token` \| [^|]* \| required in its section \|/);
  });

  it("leaves no field of the schema out", () => {
    const text = withTables("<!-- fields of Gateway -->\n<!-- end -->");
    const named = (node: unknown): string[] => {
      if (typeof node !== "object" || node === null) return [];
      const fields =
        "properties" in node && typeof node.properties === "object" ? Object.keys(node.properties ?? {}) : [];
      return [...fields, ...Object.values(node).flatMap(named)];
    };
    const [gatewayDocument] = JSON.parse(configSchema()).anyOf;
    for (const field of named(gatewayDocument.properties.spec)) {
      if (["status", "provisioningState", "healthState"].includes(field)) continue;
      expect(text).toMatch(new RegExp(`[.{ \`]${field}[\`.:[]`));
    }
  });
});
