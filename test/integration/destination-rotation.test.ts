import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  postStatus,
  readStatus,
  untilStatus,
} from "../support/gateway-process.ts";
import { createToken } from "../support/token.ts";
import { startCollector, startReadBack } from "./collector-process.ts";
import {
  choosePorts,
  collectorConfiguration,
  collectorFiles,
  everyWay,
  pairFiles,
  writeGateway,
} from "./destination-bench.ts";
import { numberedBatch, range } from "./recorder.ts";
import { mount, start, temporaryFolder } from "./workbench.ts";

const batchMessages = 5;
const destinations = everyWay.filter(({ authentication }) => authentication !== "anonymous");

/** All that the two sides know each other by, made anew. */
function createIdentities(generation: number) {
  const receivers = createAuthority({ name: `Receivers ${generation}` });
  const clients = createAuthority({ name: `Clients ${generation}` });
  return {
    receiverAuthority: receivers.cert,
    receiver: receivers.issue({ dns: ["localhost"] }),
    clientAuthority: clients.cert,
    client: clients.issue({ name: "gateway" }),
    token: createToken({ aud: "otel", generation }),
  };
}

/** A Collector and a gateway that knows the ways to it, each with its files, while messages flow. */
async function setUp(options: { connectionAge?: string } = {}) {
  const readBack = await startReadBack();
  onTestFinished(() => readBack[Symbol.asyncDispose]());
  const first = createIdentities(0);
  const files = {
    collector: mount(collectorFiles(first.receiver, first.clientAuthority, first.token)),
    client: mount(pairFiles(first.client)),
    authorities: mount({ "ca.crt": first.receiverAuthority }),
    tokens: mount({ token: first.token }),
  };
  const ports = await choosePorts();
  const exporters = { "otlphttp/back": readBack.exporter };
  const collector = await startCollector(
    collectorConfiguration({
      ports,
      material: files.collector.path,
      exporters: { metrics: exporters, logs: exporters },
      ...options,
    }),
  );
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const mounts = {
    client: files.client.path,
    authorities: files.authorities.path,
    tokens: files.tokens.path,
  };
  const gateway = await start(writeGateway({ folder: temporaryFolder(), ports, mounts, destinations }));
  const load = startLoad(gateway);
  /** Resolves when something is delivered to everybody that came after this call. */
  const keepsDelivering = async () => {
    const { accepted } = await readStatus(gateway);
    await untilStatus(gateway, (status) => lanesOf(status).every(({ delivered }) => delivered > accepted));
  };
  await keepsDelivering();
  return { readBack, first, files, gateway, load, keepsDelivering };
}

/** Post numbered messages one request after the other, until it is told to stop. */
function startLoad(gateway: GatewayProcess) {
  let isOver = false;
  let posted = 0;
  onTestFinished(() => {
    isOver = true;
  });
  const ended = (async () => {
    while (!isOver) {
      expect(await postStatus(gateway, numberedBatch(posted, batchMessages))).toBe(200);
      posted += batchMessages;
      await delay(30);
    }
    return posted;
  })();
  return {
    async stop() {
      isOver = true;
      return await ended;
    },
  };
}

/** Stop the load, and check that everything came everywhere. */
async function expectNothingLost({ gateway, readBack, load }: Awaited<ReturnType<typeof setUp>>) {
  const posted = await load.stop();
  const status = await untilStatus(gateway, (now) => lanesOf(now).every(({ pending }) => pending === 0));
  expect(ledgerFaults(status)).toEqual([]);
  expect(status.deadLetters.kept).toBe(0);
  for (const lane of lanesOf(status))
    expect(lane).toMatchObject({ delivered: posted, deadLettered: 0, health: "Available" });
  for (const { name } of destinations) {
    const { points, logRecords } = readBack.of(name);
    const gauges = points.get("sequence")?.map(({ asInt }) => Number(asInt));
    expect(new Set(gauges)).toEqual(new Set(range(posted)));
    const bodies = logRecords.map(({ body }) => body.stringValue);
    expect(new Set(bodies)).toEqual(new Set(range(posted).map(String)));
  }
  expect(gateway.log()).not.toMatch(/PRIVATE KEY|eyJ/);
  expect(await gateway.end("SIGTERM")).toBe(0);
  return status;
}

describe("credentials that are replaced while messages flow to a real Collector", () => {
  it("at once, three times: nothing is lost, and a broken pair stops nobody", async () => {
    // So that each connection soon shows what its sides know each other by.
    const rig = await setUp({ connectionAge: "500ms" });
    const { first, files, gateway, keepsDelivering } = rig;
    const complaints = () => gateway.log().split("New credentials of mutual-").length - 1;
    const stranger = createAuthority().issue();
    const lapsed = createAuthority().issue({ endsAt: new Date(Date.now() - 60_000) });
    const brokenPairs = [
      { "tls.crt": "half", "tls.key": "written" },
      pairFiles({ ...first.client, key: stranger.key }),
      pairFiles(lapsed),
    ];
    for (const [index, broken] of brokenPairs.entries()) {
      const next = createIdentities(index + 1);
      // The worst order: the Collector knows only what is new while the gateway has only what is old.
      files.collector.swap(collectorFiles(next.receiver, next.clientAuthority, next.token));
      await untilStatus(gateway, (status) => lanesOf(status).every(({ health }) => health !== "Available"));
      files.authorities.swap({ "ca.crt": next.receiverAuthority });
      files.client.swap(pairFiles(next.client));
      files.tokens.swap({ token: next.token });
      await keepsDelivering();

      files.client.swap(broken);
      await untilStatus(gateway, () => complaints() === 2 * (index + 1));
      await keepsDelivering();
    }
    await expectNothingLost(rig);
  });

  it("with a time in which both sides know both: nothing is lost, and no attempt fails", async () => {
    const rig = await setUp();
    const { first, files, gateway, keepsDelivering } = rig;
    const replacements = (name: string) =>
      gateway.log().split(`"Credentials of ${name} were replaced"`).length - 1;
    const untilReplaced = (times: number) =>
      untilStatus(gateway, () => destinations.every(({ name }) => replacements(name) >= times));

    const next = createIdentities(1);
    const bothClients = first.clientAuthority + next.clientAuthority;
    const bothTokens = `${first.token}\n${next.token}\n`;
    files.collector.swap(collectorFiles(first.receiver, bothClients, bothTokens));
    files.authorities.swap({ "ca.crt": first.receiverAuthority + next.receiverAuthority });
    await untilReplaced(1);
    files.collector.swap(collectorFiles(next.receiver, bothClients, bothTokens));
    files.client.swap(pairFiles(next.client));
    files.tokens.swap({ token: next.token });
    await untilReplaced(2);
    files.collector.swap(collectorFiles(next.receiver, next.clientAuthority, next.token));
    files.authorities.swap({ "ca.crt": next.receiverAuthority });
    await untilReplaced(3);
    await keepsDelivering();
    const status = await expectNothingLost(rig);
    for (const { name } of destinations) {
      expect(Object.values(status.destinations[name] ?? {})).toMatchObject([{ retries: 0 }, { retries: 0 }]);
    }
  });
});
