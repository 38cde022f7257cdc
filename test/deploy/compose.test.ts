import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { imageEnvironment, loadDeployed, readYaml, stopMsMax } from "./files.ts";

const folder = "deploy/compose";

const composed = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        image: z.string(),
        build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
        command: z.array(z.string()).default([]),
        environment: z.record(z.string(), z.string()).default({}),
        ports: z.array(z.string()).default([]),
        volumes: z.array(z.string()).default([]),
        secrets: z.array(z.string()).default([]),
        stop_grace_period: z.string().optional(),
        cap_drop: z.array(z.string()),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
    secrets: z.record(z.string(), z.object({ file: z.string() })),
  })
  .parse(readYaml(`${folder}/compose.yaml`)[0]);
const { services } = composed;

const collector = z
  .object({
    receivers: z.object({
      otlp: z.object({ protocols: z.object({ grpc: z.object({ endpoint: z.string() }) }) }),
    }),
    processors: z.record(z.string(), z.unknown()),
    exporters: z.looseObject({ prometheus: z.looseObject({ endpoint: z.string() }) }),
    service: z.object({
      pipelines: z.record(
        z.string(),
        z.object({
          receivers: z.array(z.string()),
          processors: z.array(z.string()),
          exporters: z.array(z.string()),
        }),
      ),
    }),
  })
  .parse(readYaml(`${folder}/collector.yaml`)[0]);

const prometheus = z
  .object({
    rule_files: z.array(z.string()),
    scrape_configs: z.array(
      z.looseObject({
        job_name: z.string(),
        authorization: z.object({ credentials_file: z.string() }).optional(),
        static_configs: z.array(z.object({ targets: z.array(z.string()) })),
      }),
    ),
  })
  .parse(readYaml(`${folder}/prometheus/prometheus.yaml`)[0]);

const config = loadDeployed(readFileSync(`${folder}/gateway.yaml`, "utf8"));

/** Where a file of a container lies in the repository. */
function hostPath(service: string, path: string): string | undefined {
  for (const volume of services[service]?.volumes ?? []) {
    const [source = "", target = ""] = volume.split(":");
    if (path === target || path.startsWith(`${target}/`)) {
      return source.startsWith(".") ? join(folder, source, path.slice(target.length)) : source;
    }
  }
  return undefined;
}

describe("deploy/compose", () => {
  it("pins every image, and gives none a capability", () => {
    for (const { image, cap_drop } of Object.values(services)) {
      expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
      expect(cap_drop).toEqual(["ALL"]);
    }
  });

  it("is open to this machine alone", () => {
    for (const { ports } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    }
    expect(services.gateway?.ports).toEqual([`127.0.0.1:${config.listen.port}:${config.listen.port}`]);
  });

  it("builds the image of the Dockerfile", () => {
    const { context = "", dockerfile = "" } = services.gateway?.build ?? {};
    expect(join(folder, context, dockerfile)).toBe("deploy/Dockerfile");
  });

  it("mounts files that are there, and volumes that it names", () => {
    for (const { volumes, secrets } of Object.values(services)) {
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        if (source.startsWith("."))
          expect([source, existsSync(join(folder, source))]).toEqual([source, true]);
        else expect(Object.keys(composed.volumes)).toContain(source);
      }
      for (const secret of secrets) expect(Object.keys(composed.secrets)).toContain(secret);
    }
  });

  it("gives the gateway its configuration, its store and its secrets", () => {
    const { GATEWAY_CONFIG = "", GATEWAY_STORE_PATH = "" } = imageEnvironment();
    expect(hostPath("gateway", `${GATEWAY_CONFIG}/gateway.yaml`)).toBe("deploy/compose/gateway.yaml");
    expect(hostPath("gateway", GATEWAY_STORE_PATH)).toBe("data");
    const named = [...JSON.stringify(config).matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(services.gateway?.secrets));
    expect(config.warnings.filter((warning) => !warning.includes("arrive without TLS"))).toEqual([]);
  });

  it("waits for a gateway that stops", () => {
    expect(Number(services.gateway?.stop_grace_period?.replace("s", "")) * 1000).toBeGreaterThan(
      stopMsMax(config),
    );
  });

  it("sends where the Collector listens", () => {
    const [destination] = config.destinations;
    const { hostname, port } = new URL(destination?.url ?? "");
    expect(Object.keys(services)).toContain(hostname);
    expect(collector.receivers.otlp.protocols.grpc.endpoint).toBe(`0.0.0.0:${port}`);
    expect(destination?.protocol).toBe("grpc");
    expect(services[hostname]?.command).toEqual(["--config=/etc/otelcol/collector.yaml"]);
    expect(hostPath(hostname, "/etc/otelcol/collector.yaml")).toBe("deploy/compose/collector.yaml");
  });

  it("has a pipeline of the Collector for each signal that is sent, of parts that it has", () => {
    const { pipelines } = collector.service;
    expect(Object.keys(pipelines)).toEqual(
      expect.arrayContaining([...(config.destinations[0]?.signals ?? [])]),
    );
    for (const { receivers, processors, exporters } of Object.values(pipelines)) {
      expect(Object.keys(collector.receivers)).toEqual(expect.arrayContaining(receivers));
      expect(Object.keys(collector.processors)).toEqual(expect.arrayContaining(processors));
      expect(Object.keys(collector.exporters)).toEqual(expect.arrayContaining(exporters));
    }
  });

  it("has Prometheus fetch from the gateway, with its token, and from the Collector", () => {
    const targets = prometheus.scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap((one) => one.targets),
    );
    const [, port] = collector.exporters.prometheus.endpoint.split(":");
    expect(targets).toEqual([`gateway:${config.listen.port}`, `collector:${port}`]);
    const [gateway] = prometheus.scrape_configs;
    expect(config.administration?.token).toEqual({ file: gateway?.authorization?.credentials_file });
    expect(services.prometheus?.secrets).toEqual(["admin"]);
    for (const file of prometheus.rule_files)
      expect(existsSync(hostPath("prometheus", file) ?? "")).toBe(true);
  });

  it("has Grafana ask Prometheus, and show the dashboard", () => {
    const source = z
      .object({ datasources: z.array(z.looseObject({ url: z.string() })) })
      .parse(readYaml(`${folder}/grafana/provisioning/datasources/prometheus.yaml`)[0]);
    expect(source.datasources[0]?.url).toBe("http://prometheus:9090");
    const provider = z
      .object({ providers: z.array(z.looseObject({ options: z.object({ path: z.string() }) })) })
      .parse(readYaml(`${folder}/grafana/provisioning/dashboards/gateway.yaml`)[0]);
    const home = services.grafana?.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? "";
    expect(home).toBe(`${provider.providers[0]?.options.path}/gateway.json`);
    expect(existsSync(hostPath("grafana", home) ?? "")).toBe(true);
  });
});
