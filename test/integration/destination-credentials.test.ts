import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { lanesOf, ledgerFaults, postStatus, untilStatus } from "../support/gateway-process.ts";
import { createToken } from "../support/token.ts";
import { startCollector } from "./collector-process.ts";
import {
  choosePorts,
  collectorConfiguration,
  collectorFiles,
  everyWay,
  pairFiles,
  writeGateway,
} from "./destination-bench.ts";
import { numberedBatch } from "./recorder.ts";
import { mount, start, temporaryFolder } from "./workbench.ts";

const messages = 50;

describe("a real Collector that demands credentials", () => {
  it("refuses wrong ones with a reason that names them, and takes everything once they are replaced", async () => {
    const authority = createAuthority({ name: "Receivers" });
    const clients = createAuthority({ name: "Clients" });
    const strangers = createAuthority({ name: "Strangers" });
    const token = createToken({ aud: "otel", exp: 4_000_000_000 });
    const ports = await choosePorts();
    const material = mount(collectorFiles(authority.issue({ dns: ["localhost"] }), clients.cert, token)).path;
    const debug = { debug: {} };
    const collector = await startCollector(
      collectorConfiguration({ ports, material, exporters: { metrics: debug, logs: debug } }),
    );
    onTestFinished(() => collector[Symbol.asyncDispose]());

    const client = mount(pairFiles(strangers.issue({ name: "gateway" })));
    const tokens = mount({ token: createToken({ aud: "otel", exp: 1_700_000_000 }) });
    const authorities = mount({ "ca.crt": authority.cert });
    const mounts = { client: client.path, tokens: tokens.path, authorities: authorities.path };
    const destinations = everyWay.filter(({ authentication }) => authentication !== "anonymous");
    const gateway = await start(writeGateway({ folder: temporaryFolder(), ports, mounts, destinations }));
    expect(await postStatus(gateway, numberedBatch(0, messages))).toBe(200);

    const refused = await untilStatus(gateway, (status) =>
      lanesOf(status).every(({ reason }) => reason !== null),
    );
    for (const { name, authentication } of destinations) {
      for (const lane of Object.values(refused.destinations[name] ?? {})) {
        const health = authentication === "mutual" ? "Degraded" : "Unavailable";
        expect(lane).toMatchObject({ pending: messages, health });
        expect(lane.reason).toMatch(
          authentication === "mutual"
            ? /client certificate/
            : /^The service account token expired at 2023-11-14T22:13:20\.000Z: .*\. The receiver answered (UNAUTHENTICATED|HTTP 401)/,
        );
      }
    }

    client.swap(pairFiles(clients.issue({ name: "gateway" })));
    tokens.swap({ token });
    const accepted = await untilStatus(gateway, (status) =>
      lanesOf(status).every(({ pending }) => pending === 0),
    );
    expect(ledgerFaults(accepted)).toEqual([]);
    for (const lane of lanesOf(accepted))
      expect(lane).toMatchObject({ delivered: messages, deadLettered: 0, health: "Available", reason: null });
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
