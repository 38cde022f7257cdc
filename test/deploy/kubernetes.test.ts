import { globSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createTestApp } from "../support/app.ts";
import { imageEnvironment, loadDeployed, readYaml, stopMsMax } from "./files.ts";

const probe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }).optional(),
  exec: z.object({ command: z.array(z.string()) }).optional(),
});

const container = z.object({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.string().optional(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources: z.object({ requests: z.unknown(), limits: z.unknown() }).optional(),
  securityContext: z.record(z.string(), z.unknown()),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});

const podSpec = z.object({
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.number(),
  securityContext: z.looseObject({ runAsNonRoot: z.literal(true), seccompProfile: z.unknown() }),
  initContainers: z.array(container).default([]),
  containers: z.array(container),
  volumes: z.array(z.looseObject({ name: z.string(), configMap: z.object({ name: z.string() }).optional() })),
});

const workload = z.object({
  kind: z.enum(["StatefulSet", "DaemonSet", "Deployment"]),
  spec: z.object({
    serviceName: z.string().optional(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: podSpec,
    }),
    volumeClaimTemplates: z
      .array(
        z.object({
          metadata: z.object({ name: z.string() }),
          spec: z.object({ resources: z.object({ requests: z.object({ storage: z.string() }) }) }),
        }),
      )
      .default([]),
  }),
});

const service = z.object({
  kind: z.literal("Service"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.object({ port: z.number(), targetPort: z.string() })),
  }),
});

const configMap = z.object({
  kind: z.literal("ConfigMap"),
  metadata: z.object({ name: z.string() }),
  data: z.object({ "gateway.yaml": z.string() }),
});

const documents = globSync("deploy/kubernetes/*.yaml").sort().flatMap(readYaml);
const find = <Schema extends z.ZodType>(schema: Schema) =>
  documents.flatMap((document) => {
    const { kind } = document as { kind: string };
    const isOfKind = z.object({ kind: (schema as never as typeof service).shape.kind });
    return isOfKind.safeParse({ kind }).success ? [schema.parse(document)] : [];
  });
const configMaps = find(configMap);
const services = find(service);

/** Each workload with its gateway and the configuration that is mounted there. */
const deployed = find(workload).map(({ kind, spec }) => {
  const pod = spec.template.spec;
  const gateway = [...pod.containers, ...pod.initContainers].find(({ name }) => name === "gateway");
  if (gateway === undefined) throw new Error(`${kind} has no container gateway`);
  const mount = gateway.volumeMounts.find(({ mountPath }) => mountPath === imageEnvironment().GATEWAY_CONFIG);
  const volume = pod.volumes.find(({ name }) => name === mount?.name);
  const { data } =
    configMaps.find(({ metadata }) => metadata.name === volume?.configMap?.name) ?? configMap.parse(volume);
  const environment = Object.fromEntries(gateway.env.map(({ name, value }) => [name, value]));
  const config = loadDeployed(data["gateway.yaml"], environment);
  return { kind, spec, pod, gateway, config };
});

const bytesOf = (quantity: string) => {
  const [, number = "", unit = ""] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(number) * (unit === "Gi" ? 2 ** 30 : 2 ** 20);
};

describe("deploy/kubernetes", () => {
  it("has a gateway of each kind", () => {
    expect(deployed.map(({ kind }) => kind)).toEqual(["DaemonSet", "Deployment", "StatefulSet"]);
  });

  it.each(deployed)("$kind runs without a privilege", ({ pod, gateway }) => {
    const { runAsUser } = { ...pod.securityContext, ...gateway.securityContext };
    expect(runAsUser).toBe(1000);
    expect(pod.securityContext.seccompProfile).toEqual({ type: "RuntimeDefault" });
    expect(gateway.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(gateway.resources).toEqual({
      requests: { cpu: "200m", memory: "400Mi" },
      limits: { cpu: "1", memory: "1Gi" },
    });
  });

  it.each(deployed)("$kind waits for a gateway that stops", ({ pod, config }) => {
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(stopMsMax(config));
  });

  it.each(deployed)(
    "$kind probes what the gateway answers, where it listens",
    async ({ gateway, config }) => {
      const { app } = createTestApp();
      const probes = [gateway.startupProbe, gateway.livenessProbe, gateway.readinessProbe].filter(
        (one) => one !== undefined,
      );
      for (const { httpGet, exec } of probes) {
        const [, port, path] = /http:\/\/127\.0\.0\.1:(\d+)(\/\w+)/.exec(exec?.command.at(-1) ?? "") ?? [];
        const [asked] = gateway.ports.filter(({ name }) => name === httpGet?.port);
        expect(asked?.containerPort ?? Number(port)).toBe(config.listen.port);
        expect((await app.request(httpGet?.path ?? path ?? "")).status).toBe(200);
        // The kubelet reaches a pod at its address alone, and a program in it everywhere.
        expect(config.listen.host).toBe(httpGet ? "0.0.0.0" : "127.0.0.1");
      }
      expect(probes).not.toEqual([]);
    },
  );

  it.each(deployed)("$kind mounts every volume, and every file that its configuration names", (one) => {
    const { config, gateway, pod, spec } = one;
    const volumes = [...pod.volumes, ...spec.volumeClaimTemplates.map(({ metadata }) => metadata)];
    const mounted = gateway.volumeMounts.map(({ mountPath }) => mountPath);
    for (const { name } of gateway.volumeMounts) expect(volumes.map((volume) => volume.name)).toContain(name);
    const [destination] = config.destinations;
    const files = [
      config.administration?.token,
      ...config.sources.map(
        ({ authentication }) => authentication && "token" in authentication && authentication.token,
      ),
    ].flatMap((secret) => (secret && "file" in secret ? [secret.file] : []));
    if (destination?.authentication.method === "ServiceAccountToken")
      files.push(destination.authentication.tokenFile);
    if (destination?.trustedCaFolder) files.push(`${destination.trustedCaFolder}/ca.crt`);
    if (config.store.type === "sqlite") files.push(config.store.path);
    for (const file of files) expect(mounted).toContain(file.slice(0, file.lastIndexOf("/")));
  });

  it.each(deployed)("$kind has a configuration that warns of nothing but missing TLS", ({ config }) => {
    expect(config.warnings.filter((warning) => !warning.includes("arrive without TLS"))).toEqual([]);
  });

  it("a claim holds the whole store", () => {
    const [statefulSet] = deployed.filter(({ kind }) => kind === "StatefulSet");
    const [claim] = statefulSet?.spec.volumeClaimTemplates ?? [];
    expect(bytesOf(claim?.spec.resources.requests.storage ?? "")).toBeGreaterThan(
      statefulSet?.config.store.bytesMax ?? Number.POSITIVE_INFINITY,
    );
  });

  it("a sidecar acknowledges nothing that only its pod has", () => {
    const [sidecar] = deployed.filter(({ kind }) => kind === "Deployment");
    expect(sidecar?.config).toMatchObject({ acknowledge: "delivered", store: { type: "memory" } });
    expect(sidecar?.gateway.restartPolicy).toBe("Always");
  });

  it.each(services)("$metadata.name leads to pods with its port", ({ spec }) => {
    const [target] = deployed.filter(({ spec: { template } }) =>
      Object.entries(spec.selector).every(([name, value]) => template.metadata.labels[name] === value),
    );
    for (const { port, targetPort } of spec.ports) {
      expect(target?.gateway.ports).toContainEqual({ name: targetPort, containerPort: port });
    }
  });

  it("the StatefulSet names a service that is there", () => {
    const names = services.map(({ metadata }) => metadata.name);
    for (const { spec } of deployed)
      if (spec.serviceName !== undefined) expect(names).toContain(spec.serviceName);
  });
});
