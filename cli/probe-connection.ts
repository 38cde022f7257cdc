/** The steps that lead to a receiver, each tried by itself, so that the first one that fails names the cause. */
import { lookup } from "node:dns/promises";
import type { EventEmitter } from "node:events";
import { get as httpGet } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { get as httpsGet } from "node:https";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describeCause, innermostMessage } from "../pipeline/export/failure-cause.ts";
import type { TlsMaterial } from "../pipeline/export/tls.ts";

/** What a step found out, or why it failed and what to do. */
export type StepResult = { kind: "ok"; text: string } | { kind: "failed"; text: string };

const dayMs = 86_400_000;

/** A receiver's certificate that ends sooner is worth a word. */
const endingSoonDays = 14;

/** Stated here, because the runtime's command line and environment can weaken both. */
const strictTls = { minVersion: "TLSv1.2", rejectUnauthorized: true } as const;

const wrongPort = "check the port (commonly 4317 for OTLP/gRPC, 4318 for OTLP/HTTP)";

export async function resolveName(hostname: string): Promise<StepResult> {
  if (isIP(hostname) !== 0) return { kind: "ok", text: `${hostname} is an address` };
  try {
    const addresses = await lookup(hostname, { all: true });
    return { kind: "ok", text: `${hostname} is ${addresses.map(({ address }) => address).join(", ")}` };
  } catch (error) {
    return failed(error);
  }
}

export async function openPort(
  { hostname, port }: { hostname: string; port: number },
  timeoutMs: number,
): Promise<StepResult> {
  const socket = connectTcp({ host: hostname, port });
  return await settled(socket, timeoutMs, "connect", () => ({ kind: "ok", text: `port ${port} is open` }));
}

/** The receiver's certificate is looked at whether or not it is trusted: nothing is shown to the receiver here. */
export async function inspectTls(
  { hostname, port, alpn }: { hostname: string; port: number; alpn: string },
  { ca }: TlsMaterial,
  timeoutMs: number,
): Promise<StepResult> {
  const socket = connectTls({
    host: hostname,
    port,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(ca === undefined ? {} : { ca }),
    ALPNProtocols: [alpn],
    minVersion: "TLSv1.2",
    rejectUnauthorized: false,
  });
  return await settled(socket, timeoutMs, "secureConnect", () => describeTls(socket, hostname));
}

function describeTls(socket: TLSSocket, hostname: string): StepResult {
  const code: unknown = socket.authorizationError;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: "failed", text: "The receiver showed no certificate" };
  const names: string[] = [];
  for (let link: typeof certificate | undefined = certificate; link; link = link.issuerCertificate) {
    names.push(link.subject.replaceAll("\n", ", "));
    if (link.issuerCertificate === undefined && link.issuer !== link.subject) {
      names.push(link.issuer.replaceAll("\n", ", "));
    }
  }
  const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / dayMs);
  const soon = days < endingSoonDays ? ", renew it soon" : "";
  const end = `ends in ${days} ${days === 1 ? "day" : "days"}${soon}`;
  const shown = `${socket.getProtocol()} for ${hostname}, certificate of ${names.join(", from ")}, ${end}`;
  if (socket.authorized) return { kind: "ok", text: shown };
  const error = code instanceof Error ? code : Object.assign(new Error(String(code)), { code });
  return { kind: "failed", text: `${failed(error).text} (${shown})` };
}

/** HTTP/2 as gRPC needs it: the receiver sends its settings first. */
export async function speakHttp2(url: string, material: TlsMaterial, timeoutMs: number): Promise<StepResult> {
  const session = connectHttp2(url, { ...material, ...strictTls });
  const result = await settled(session, timeoutMs, "remoteSettings", () => ({
    kind: "ok",
    text: "the receiver speaks HTTP/2",
  }));
  if (result.kind === "ok" || !/HTTP2|rotocol error/.test(result.text)) return result;
  return { kind: "failed", text: `The port does not speak HTTP/2: ${wrongPort}` };
}

/** Any answer will do: what the receiver thinks of a request is seen when it gets one. */
export async function speakHttp(url: string, material: TlsMaterial, timeoutMs: number): Promise<StepResult> {
  const request = url.startsWith("https:")
    ? httpsGet(url, { ...material, ...strictTls, agent: false })
    : httpGet(url, { agent: false });
  const result = await settled(request, timeoutMs, "response", () => ({
    kind: "ok",
    text: "the receiver speaks HTTP",
  }));
  if (result.kind === "ok" || !/HPE_|Parse Error/.test(result.text)) return result;
  return { kind: "failed", text: `The port does not speak HTTP/1.1: ${wrongPort}` };
}

/** What came of it once `event` or an error occurs, or neither in time. Nothing stays open. */
async function settled(
  connection: EventEmitter & { destroy(): unknown },
  timeoutMs: number,
  event: string,
  onEvent: () => StepResult,
): Promise<StepResult> {
  const { promise, resolve } = Promise.withResolvers<StepResult>();
  const timer = setTimeout(
    () =>
      resolve({
        kind: "failed",
        text: `Nothing came within ${timeoutMs} ms: check host, port and firewalls`,
      }),
    timeoutMs,
  );
  connection.once(event, () => resolve(onEvent()));
  // An error may come after the first one, and after the end of the step.
  connection.on("error", (error: Error) => resolve(failed(error)));
  connection.once("close", () =>
    resolve({
      kind: "failed",
      text: `The receiver closed the connection: ${wrongPort}, and whether it wants TLS`,
    }),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

function failed(error: unknown): StepResult {
  return { kind: "failed", text: describeCause(error) ?? innermostMessage(error) };
}
