/** A whole delivery whose credentials are replaced while it runs. */
import { describe, expect, it, onTestFinished } from "vitest";
import { assembleDelivery } from "../../handlers/runtime/delivery.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import type { DestinationConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { createAuthority } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { startSink } from "../support/otlp-sink.ts";
import { startTlsReceiver } from "../support/tls-receiver.ts";
import { createToken } from "../support/token.ts";

const loopback = { dns: ["localhost"], ipv4: ["127.0.0.1"] };
const lanes = [{ destination: "otel", signal: "metrics" }] as const;

function mount(files: Files) {
  const folder = createMountedFolder(files);
  onTestFinished(folder.remove);
  return folder;
}

/** A delivery of metrics, as soon as they are appended, that runs. */
function deliverTo(url: string, destination: Partial<DestinationConfig>) {
  const clock = createFakeClock({ nowUs: Date.now() * 1000 });
  const logger = createFakeLogger();
  const loaded = loadConfig({
    files: [],
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    resolvePath: (_, path) => path,
  });
  const config = {
    ...loaded,
    destinations: loaded.destinations.map((defaults) => ({
      ...defaults,
      name: "otel",
      signals: ["metrics" as const],
      batching: { latencyMs: 0, maxMessages: 0 },
      ...destination,
    })),
  };
  const store = openMemoryStore({
    bytesMax: 100_000_000,
    deadLetterBytesMax: 10_000_000,
    dedupe: { windowSeconds: 0, entriesMax: 0 },
    lanes,
  });
  const outcomes: string[] = [];
  const delivery = assembleDelivery({
    config,
    store,
    secrets: createSecrets({ clock, environment: {} }).open,
    clock,
    logger,
    onExport: ({ outcome }) => outcomes.push(outcome),
  });
  const running = delivery.run();
  onTestFinished(async () => {
    await delivery.stop({ graceMs: 0 });
    await running;
    await delivery.close();
  });
  const payload = Buffer.from('{"metrics":[{"name":"t","type":"f64_gauge","value":21.5}]}');
  const ledger = async () => (await store.ledger()).lanes[0];

  return {
    clock,
    logger,
    outcomes,
    ledger,
    health: () => delivery.lanes[0]?.health(),
    async append(count = 1) {
      await store.append(
        Array.from({ length: count }, () => ({
          message: { source: "s", topic: "t", payload, userProperties: [] },
          arrivedAtUs: clock.nowUs(),
          verdict: { kind: "accepted" as const, lanes: store.lane(lanes[0]).mask },
        })),
      );
      delivery.wake(count);
    },
    /** Time goes on meanwhile, a second at each look. */
    settled: () =>
      expect
        .poll(
          async () => {
            clock.advance(1000);
            return (await ledger())?.pending;
          },
          { timeout: 20_000 },
        )
        .toBe(0),
  };
}

describe("assembleDelivery()", () => {
  it("sends a replaced token at once, before a pause that the receiver asked for is over", async () => {
    const sink = await startSink({
      behaviour: { kind: "status", code: 14, message: "later", retryDelayMs: 300_000 },
    });
    onTestFinished(sink.close);
    const first = createToken({ aud: "otel", n: 1 });
    const second = createToken({ aud: "otel", n: 2 });
    const folder = mount({ token: first });
    const authentication = {
      method: "ServiceAccountToken" as const,
      audience: "otel",
      tokenFile: `${folder.path}/token`,
    };
    const { append, clock, health, settled, logger } = deliverTo(sink.url, { authentication });
    await append();
    await expect.poll(() => health()?.nextAttemptAtUs).toBeTypeOf("number");
    sink.behave({ kind: "accept" });
    clock.advance(5000);
    expect(sink.requests).toHaveLength(1);
    folder.swap({ token: second });
    clock.advance(5000);
    await settled();
    expect(sink.requests.map(({ headers }) => headers.get("authorization"))).toEqual([
      `Bearer ${first}`,
      `Bearer ${second}`,
    ]);
    expect(logger.lines.map(({ message }) => message)).toContain("Credentials of otel were replaced");
  });

  it("tells of a token that expired in place of a bare refusal", async () => {
    const sink = await startSink({ behaviour: { kind: "status", code: 16, message: "no" } });
    onTestFinished(sink.close);
    const folder = mount({ token: createToken({ aud: "otel", exp: 1_700_000_000 }) });
    const { append, health } = deliverTo(sink.url, {
      authentication: {
        method: "ServiceAccountToken",
        audience: "otel",
        tokenFile: `${folder.path}/token`,
      },
    });
    await append();
    await expect.poll(() => health()?.health).toBe("Unavailable");
    expect(health()?.reason).toMatch(
      /^The service account token expired at 2023-11-14T22:13:20\.000Z: check what renews its file\. The receiver answered UNAUTHENTICATED/,
    );
  });

  it("loses nothing when both sides replace authorities and pairs, again and again", async () => {
    let authority = createAuthority({ name: "Receiver 0" });
    let clients = createAuthority({ name: "Clients 0" });
    const pair = () => {
      const { cert, key } = clients.issue({ name: "gateway" });
      return { "tls.crt": cert, "tls.key": key };
    };
    const material = () => ({ ...authority.issue(loopback), ca: clients.cert });
    const receiver = await startTlsReceiver(material());
    onTestFinished(receiver.close);
    const own = mount(pair());
    const trusted = mount({ "ca.crt": authority.cert });
    const { append, clock, settled, ledger, outcomes } = deliverTo(receiver.url, {
      authentication: { method: "X509Certificate", folder: own.path },
      trustedCaFolder: trusted.path,
    });
    let appended = 0;
    const load = async () => {
      await append(10);
      appended += 10;
    };
    await load();
    await settled();
    for (let round = 1; round <= 3; round++) {
      authority = createAuthority({ name: `Receiver ${round}` });
      clients = createAuthority({ name: `Clients ${round}` });
      // The worst order: the receiver knows only what is new, and the gateway only what is old.
      receiver.replace(material());
      receiver.cut();
      await load();
      await expect.poll(() => outcomes.at(-1)).toBe("retryable");
      trusted.swap({ "ca.crt": authority.cert });
      clock.advance(5000);
      await load();
      own.swap({ "tls.crt": "half", "tls.key": "written" });
      clock.advance(5000);
      own.swap(pair());
      clock.advance(5000);
      await load();
      await settled();
    }
    expect(await ledger()).toMatchObject({ delivered: appended, deadLettered: 0, pending: 0 });
  });
});
