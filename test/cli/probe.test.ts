import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { probe } from "../../cli/probe.ts";
import { startSink } from "../../cli/sink-server.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import type { DestinationConfig } from "../../pipeline/config/config.ts";
import { load } from "../config/support.ts";
import { createAuthority } from "../support/certificates.ts";
import { createPlainFolder } from "../support/mounted-folder.ts";
import { startTlsReceiver } from "../support/tls-receiver.ts";
import { createToken } from "../support/token.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const action of cleanUp.splice(0)) await action();
});

const secrets = createSecrets({ clock: systemClock, environment: {} });

async function ask(url: string, fields: Partial<DestinationConfig> = {}) {
  const [destination] = load("", { OTEL_EXPORTER_OTLP_ENDPOINT: url }).destinations;
  if (destination === undefined) throw new Error("Wanted a destination");
  const one = { ...destination, name: "a", ...fields };
  const { lines, isGood } = await probe({ bridges: [], destinations: [one] }, secrets);
  return { lines: lines.map((line) => line.replace(/^a /, "")), isGood };
}

/** The step that failed. */
function failureIn({ lines }: { lines: string[] }): string | undefined {
  return lines.find((line) => line.includes(": failed, "));
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function folder(files: Record<string, string>): string {
  const made = createPlainFolder(files);
  cleanUp.push(made.remove);
  return made.path;
}

const authority = createAuthority();

async function tlsReceiver(leaf: Parameters<typeof authority.issue>[0] = {}, more: object = {}) {
  const receiver = await startTlsReceiver({
    ...authority.issue({ name: "collector", ipv4: ["127.0.0.1"], ...leaf }),
    ...more,
  });
  cleanUp.push(receiver.close);
  return receiver;
}

describe("probe()", () => {
  it("goes all the way to each signal", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    cleanUp.push(sink.close);

    expect(await ask(sink.url)).toEqual({
      isGood: true,
      lines: [
        "DNS: ok, 127.0.0.1 is an address",
        `TCP: ok, port ${new URL(sink.url).port} is open`,
        "TLS: ok, off",
        "protocol: ok, the receiver speaks HTTP/2",
        "credential: ok, Anonymous",
        "metrics: ok, taken",
        "logs: ok, taken",
      ],
    });
  });

  it("says that a host name is unknown, and looks at the credential nevertheless", async () => {
    const { lines, isGood } = await ask("http://collector.invalid:4317");

    expect(isGood).toBe(false);
    expect(lines[0]).toMatch(/^DNS: failed, The host name (is unknown|could not be resolved)/);
    expect(lines.slice(1)).toEqual([
      "TCP: skipped, DNS failed",
      "TLS: skipped, DNS failed",
      "protocol: skipped, DNS failed",
      "credential: ok, Anonymous",
      "metrics: skipped, DNS failed",
      "logs: skipped, DNS failed",
    ]);
  });

  it("says that nobody listens", async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));

    expect(failureIn(await ask(`http://127.0.0.1:${port}`))).toBe(
      "TCP: failed, The connection was refused: check host and port, and that the receiver runs",
    );
  });

  it("says that a port does not speak TLS", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    cleanUp.push(sink.close);

    expect(failureIn(await ask(sink.url.replace("http:", "https:")))).toBe(
      "TLS: failed, The port does not speak TLS: use http:// or switch TLS on at the receiver",
    );
  });

  it("shows the receiver's certificate and its authority, and the days to its end", async () => {
    const receiver = await tlsReceiver();
    const answer = await ask(receiver.url, { trustedCaFolder: folder({ "ca.crt": authority.cert }) });

    expect(answer.isGood).toBe(true);
    expect(answer.lines[2]).toMatch(
      /^TLS: ok, TLSv1\.3 for 127\.0\.0\.1, certificate of CN=collector, from CN=Test authority, ends in (0 days|1 day), renew it soon$/,
    );
    expect(answer.lines[4]).toMatch(/^credential: ok, Anonymous; trustedCa ends at 20/);
  });

  it.each([
    ["is of an authority that is not trusted", {}, undefined, /certificate authority is not trusted/],
    ["is for another host", { ipv4: [], dns: ["other.example"] }, authority.cert, /is for another host name/],
    ["has expired", { endsAt: new Date(Date.now() - 1000) }, authority.cert, /has expired: renew it/],
    [
      "is not valid yet",
      { startsAt: new Date(Date.now() + 3_600_000), endsAt: new Date(Date.now() + 7_200_000) },
      authority.cert,
      /is not valid yet/,
    ],
  ])("says that the receiver's certificate %s, and shows it no credential", async (_, leaf, ca, reason) => {
    const receiver = await tlsReceiver(leaf);
    const trustedCaFolder = ca === undefined ? undefined : folder({ "ca.crt": ca });
    const answer = await ask(receiver.url, { trustedCaFolder });

    expect(failureIn(answer)).toMatch(/^TLS: failed, /);
    expect(failureIn(answer)).toMatch(reason);
    expect(failureIn(answer)).toContain("certificate of CN=collector");
    expect(receiver.requests).toEqual([]);
  });

  it("shows the client certificate where the receiver wants one", async () => {
    const receiver = await tlsReceiver({}, { ca: authority.cert });
    const client = authority.issue({ name: "gateway" });
    const answer = await ask(receiver.url, {
      trustedCaFolder: folder({ "ca.crt": authority.cert }),
      authentication: {
        method: "X509Certificate",
        folder: folder({ "tls.crt": client.cert, "tls.key": client.key }),
      },
    });

    expect(answer.isGood).toBe(true);
    expect(answer.lines[4]).toMatch(/^credential: ok, X509Certificate; clientCertificate ends at 20/);
    expect(receiver.requests.map((request) => request.client)).toEqual(["gateway", "gateway"]);
  });

  it("says that the client certificate is missing, and sends nothing", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    cleanUp.push(sink.close);
    const answer = await ask(sink.url, {
      authentication: { method: "X509Certificate", folder: folder({}) },
    });

    expect(failureIn(answer)).toMatch(/^credential: failed, Cannot find a client certificate/);
    expect(answer.lines.slice(-2)).toEqual([
      "metrics: skipped, credential failed",
      "logs: skipped, credential failed",
    ]);
  });

  it("says that a token is for another audience", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    cleanUp.push(sink.close);
    const token = createToken({ aud: ["theirs"] });
    const answer = await ask(sink.url, {
      authentication: {
        method: "ServiceAccountToken",
        audience: "ours",
        tokenFile: `${folder({ token })}/token`,
      },
    });

    expect(failureIn(answer)).toBe(
      'credential: failed, The service account token is for the audience "theirs", wanted "ours": project one for that audience',
    );
    expect(answer.lines.join()).not.toContain(token);
  });

  it("says that a gRPC port speaks HTTP/1.1", async () => {
    const port = await listen(createHttpServer((_, response) => response.end("hello")));

    expect(failureIn(await ask(`http://127.0.0.1:${port}`))).toMatch(
      /^protocol: failed, The port does not speak HTTP\/2/,
    );
  });

  it("says that a port never answers", async () => {
    const port = await listen(createServer((socket) => cleanUp.push(() => socket.destroy())));

    expect(failureIn(await ask(`http://127.0.0.1:${port}`, { timeoutMs: 50 }))).toBe(
      "protocol: failed, Nothing came within 50 ms: check host, port and firewalls",
    );
  });

  it("asks over OTLP/HTTP where that is the protocol", async () => {
    const paths: (string | undefined)[] = [];
    const server = createHttpServer((request, response) => {
      paths.push(`${request.method} ${request.url}`);
      request.resume().once("end", () => response.writeHead(request.url === "/v1/logs" ? 404 : 200).end());
    });
    const port = await listen(server);
    const url = `http://127.0.0.1:${port}`;
    const answer = await ask(url, {
      protocol: "http/protobuf",
      signalUrls: { metrics: `${url}/v1/metrics`, logs: `${url}/v1/logs` },
    });

    expect(answer.lines[3]).toBe("protocol: ok, the receiver speaks HTTP");
    expect(answer.lines[5]).toBe("metrics: ok, taken");
    expect(failureIn(answer)).toMatch(/^logs: failed, .*404/);
    expect(paths.toSorted()).toEqual(["GET /v1/metrics", "POST /v1/logs", "POST /v1/metrics"]);
  });

  it("says that a port for OTLP/HTTP speaks HTTP/2 alone", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    cleanUp.push(sink.close);
    const answer = await ask(sink.url, {
      protocol: "http/protobuf",
      signalUrls: { metrics: `${sink.url}/v1/metrics`, logs: `${sink.url}/v1/logs` },
    });

    expect(failureIn(answer)).toMatch(/^protocol: failed, The port does not speak HTTP\/1\.1/);
  });

  it("fails for the signal alone that is refused", async () => {
    const sink = await startSink({
      host: "127.0.0.1",
      port: 0,
      answer: async (signal) => {
        if (signal === "logs") throw new ConnectError("no logs here", Code.Unimplemented);
        return { rejectedItems: 0n, errorMessage: "" };
      },
    });
    cleanUp.push(sink.close);
    const answer = await ask(sink.url);

    expect(answer.lines[5]).toBe("metrics: ok, taken");
    expect(failureIn(answer)).toMatch(/^logs: failed, .*no logs here/);
  });

  it("tells apart the two ways of a destination whose signals go to different places", async () => {
    const [metrics, logs] = load("", {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://a.invalid",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://b.invalid",
    }).destinations;
    const destinations = [metrics, logs].filter((one) => one !== undefined);
    const { lines } = await probe({ bridges: [], destinations }, secrets);

    expect(lines.map((line) => line.replace(/:.*/, "")).filter((line) => line.endsWith("DNS"))).toEqual([
      "default (metrics) DNS",
      "default (logs) DNS",
    ]);
  });
});
