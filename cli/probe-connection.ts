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
import type { StepResult } from "./probe-steps.ts";

/** Whom the steps lead to, and how its troubles are told. */
export interface Peer {
  name: "receiver" | "broker";
  wrongPort: string;
  describe(error: unknown): string;
}

const dayMs = 86_400_000;

/** A receiver's certificate that ends sooner is worth a word. */
const endingSoonDays = 14;

/** Stated here, because the runtime's command line and environment can weaken both. */
const strictTls = { minVersion: "TLSv1.2", rejectUnauthorized: true } as const;

const wrongPort = "check the port (commonly 4317 for OTLP/gRPC, 4318 for OTLP/HTTP)";

export const receiver: Peer = {
  name: "receiver",
  wrongPort,
  describe: (error) => describeCause(error) ?? innermostMessage(error),
};

export async function resolveName(hostname: string, peer: Peer): Promise<StepResult> {
  if (isIP(hostname) !== 0) return { kind: "ok", text: `${hostname} is an address` };
  try {
    const addresses = await lookup(hostname, { all: true });
    return { kind: "ok", text: `${hostname} is ${addresses.map(({ address }) => address).join(", ")}` };
  } catch (error) {
    return { kind: "failed", text: peer.describe(error) };
  }
}

export async function openPort(
  { hostname, port }: { hostname: string; port: number },
  timeoutMs: number,
  peer: Peer,
): Promise<StepResult> {
  const socket = connectTcp({ host: hostname, port });
  const onConnect = (): StepResult => ({ kind: "ok", text: `port ${port} is open` });
  return await settled(socket, timeoutMs, "connect", onConnect, peer);
}

/** The peer's certificate is looked at whether or not it is trusted: nothing is shown to the peer here. */
export async function inspectTls(
  { hostname, port, alpn }: { hostname: string; port: number; alpn?: string },
  { ca }: TlsMaterial,
  timeoutMs: number,
  peer: Peer,
): Promise<StepResult> {
  const socket = connectTls({
    host: hostname,
    port,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    minVersion: "TLSv1.2",
    rejectUnauthorized: false,
  });
  return await settled(socket, timeoutMs, "secureConnect", () => describeTls(socket, hostname, peer), peer);
}

function describeTls(socket: TLSSocket, hostname: string, peer: Peer): StepResult {
  const code: unknown = socket.authorizationError;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: "failed", text: `The ${peer.name} showed no certificate` };
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
  return { kind: "failed", text: `${peer.describe(error)} (${shown})` };
}

/** HTTP/2 as gRPC needs it: the receiver sends its settings first. */
export async function speakHttp2(url: string, material: TlsMaterial, timeoutMs: number): Promise<StepResult> {
  const session = connectHttp2(url, { ...material, ...strictTls });
  const onSettings = (): StepResult => ({ kind: "ok", text: "the receiver speaks HTTP/2" });
  const result = await settled(session, timeoutMs, "remoteSettings", onSettings, receiver);
  if (result.kind === "ok" || !/HTTP2|rotocol error/.test(result.text)) return result;
  return { kind: "failed", text: `The port does not speak HTTP/2: ${wrongPort}` };
}

/** Any answer will do: what the receiver thinks of a request is seen when it gets one. */
export async function speakHttp(url: string, material: TlsMaterial, timeoutMs: number): Promise<StepResult> {
  const request = url.startsWith("https:")
    ? httpsGet(url, { ...material, ...strictTls, agent: false })
    : httpGet(url, { agent: false });
  const onResponse = (): StepResult => ({ kind: "ok", text: "the receiver speaks HTTP" });
  const result = await settled(request, timeoutMs, "response", onResponse, receiver);
  if (result.kind === "ok" || !/HPE_|Parse Error/.test(result.text)) return result;
  return { kind: "failed", text: `The port does not speak HTTP/1.1: ${wrongPort}` };
}

/** What came of it once `event` or an error occurs, or neither in time. Nothing stays open. */
async function settled(
  connection: EventEmitter & { destroy(): unknown },
  timeoutMs: number,
  event: string,
  onEvent: () => StepResult,
  { name, wrongPort, describe }: Peer,
): Promise<StepResult> {
  const { promise, resolve } = Promise.withResolvers<StepResult>();
  const fail = (text: string) => resolve({ kind: "failed", text });
  const timer = setTimeout(
    () => fail(`Nothing came within ${timeoutMs} ms: check host, port and firewalls`),
    timeoutMs,
  );
  connection.once(event, () => resolve(onEvent()));
  // An error may come after the first one, and after the end of the step.
  connection.on("error", (error: Error) => fail(describe(error)));
  connection.once("close", () =>
    fail(`The ${name} closed the connection: ${wrongPort}, and whether it wants TLS`),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}
