/** What a TLS listener shows of itself, and the authorities of the certificates that it asks for. */
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Clock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { toError } from "../../pipeline/errors.ts";
import {
  MaterialError,
  type NamedText,
  readCertificates,
  readPrivateKey,
} from "../../pipeline/export/pem.ts";
import { createReloaded, type Reloaded } from "../../pipeline/export/reloaded.ts";

export type ListenerTls = NonNullable<GatewayConfig["listen"]["tls"]>;

export interface ListenerMaterial {
  /** PEM: the certificate, then its intermediates. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
  /** PEM, one certificate each, up to the root; undefined: certificates are not asked for. */
  clientCa: readonly string[] | undefined;
  startsAtUs: number;
  expiresAtUs: number;
}

/** As messages call the files. */
const names = { certificate: "certificateFile", key: "keyFile", clientCa: "clientCaFile" };

/**
 * The files of a listener, read again when they change. A pair that is not valid by its dates serves when there is no
 * other: senders that check it turn away by themselves, and all else goes on.
 */
export function createListenerMaterial(
  tls: ListenerTls,
  clock: Clock,
): { current(): Reloaded<ListenerMaterial> } {
  const { certificateFile, keyFile, clientCaFile } = tls;
  let hasOne = false;
  return createReloaded({
    source: {
      files: {
        [names.certificate]: certificateFile,
        [names.key]: keyFile,
        ...(clientCaFile === undefined ? {} : { [names.clientCa]: clientCaFile }),
      },
    },
    purpose: "TLS listener",
    clock,
    parse(files, nowUs) {
      const material = readListenerMaterial(files);
      const fault = faultOfDates(material, nowUs);
      if (hasOne && fault !== undefined) throw new MaterialError(fault);
      checkContext(material);
      hasOne = true;
      return material;
    },
  });
}

/** What a TLS server is made of it. */
export function contextOf({ cert, key, clientCa }: ListenerMaterial): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2", ...(clientCa ? { ca: [...clientCa] } : {}) };
}

/** Why a certificate is not valid at this moment; undefined: it is. */
export function faultOfDates(material: ListenerMaterial, nowUs: number): string | undefined {
  const { startsAtUs, expiresAtUs } = material;
  if (nowUs < startsAtUs) {
    return `Cannot use ${names.certificate}: it is not valid before ${instant(startsAtUs)}; check the clock`;
  }
  if (nowUs >= expiresAtUs) {
    return `Cannot use ${names.certificate}: it expired at ${instant(expiresAtUs)}; renew it`;
  }
  return undefined;
}

/** Source: RFC 8446, 4.4.2, on the order of the certificates. */
function readListenerMaterial(files: ReadonlyMap<string, string>): ListenerMaterial {
  const key = readPrivateKey(named(files, names.key));
  const certificates = readCertificates(named(files, names.certificate));
  const own = certificates.find(({ x509 }) => x509.checkPrivateKey(key));
  if (own === undefined) {
    throw new MaterialError(
      `Cannot use ${names.key}: it is not the key of the certificate in ${names.certificate}`,
    );
  }
  const chain = [own, ...certificates].map(({ pem }) => pem);
  return {
    cert: `${[...new Set(chain)].join("\n")}\n`,
    key: key.export({ type: "pkcs8", format: "pem" }) as string,
    clientCa: files.has(names.clientCa)
      ? readCertificates(named(files, names.clientCa)).map(({ pem }) => pem)
      : undefined,
    startsAtUs: own.startsAtUs,
    expiresAtUs: own.expiresAtUs,
  };
}

/** What TLS itself refuses, such as a key that is too short, shall not come out in a server that runs. */
function checkContext(material: ListenerMaterial): void {
  try {
    createSecureContext(contextOf(material));
  } catch (cause) {
    throw new MaterialError(`Cannot use ${names.certificate} and ${names.key}: ${toError(cause).message}`, {
      cause,
    });
  }
}

function named(files: ReadonlyMap<string, string>, name: string): NamedText {
  return { name, text: files.get(name) ?? "" };
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}
