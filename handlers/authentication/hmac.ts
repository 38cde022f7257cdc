import { createHmac } from "node:crypto";
import type { Clock } from "../../pipeline/clock.ts";
import type { Secret } from "../../pipeline/secret.ts";
import { parseInstantUs } from "../../pipeline/source/instant.ts";
import { type Authentication, type Authenticator, compareDigests } from "./authentication.ts";

export interface HmacOptions {
  /** Where the signature stands. */
  header: string;
  /** Signed with the body, and how far it may be from now, either way. */
  timestamp: { header: string; toleranceMs: number } | undefined;
  clock: Pick<Clock, "nowUs">;
}

/**
 * The HMAC-SHA-256 of the body in a header, in hex and perhaps behind `sha256=`; any of a secret's current values is
 * a key. With a timestamp, its text and a full stop come before the body. A body that is repeated in time is let in:
 * to know a repeat is the dedupe's business.
 *
 * Source: RFC 2104.
 */
export function createHmacAuthenticator(
  secret: Secret,
  { header, timestamp, clock }: HmacOptions,
): Authenticator {
  const challenge = `HmacSha256 header="${header}"`;
  const denied = { wanted: `a valid signature of the body in ${header}`, challenge };
  const unsigned = (met: string) => ({ ...denied, met });
  // The time was looked at before.
  const forged = unsigned(
    `a signature that none of the source's keys makes of ${timestamp ? `${timestamp.header} (in time), a full stop and ` : ""}the body`,
  );

  function checkTime(
    headers: Headers,
    { header, toleranceMs }: NonNullable<typeof timestamp>,
  ): Authentication {
    const wanted = `a time in ${header} that is at most ${toleranceMs / 1000} s from now`;
    const late = (met: string) => ({ wanted, challenge, met });
    const text = headers.get(header);
    if (text === null) return late("no such header");
    const signedAtMs = instantMs(text);
    if (signedAtMs === undefined) return late("no time: wanted seconds, milliseconds or RFC 3339");
    const ageMs = clock.nowUs() / 1000 - signedAtMs;
    if (Math.abs(ageMs) <= toleranceMs) return "granted";
    return late(`a time ${Math.abs(ageMs) / 1000} s ${ageMs > 0 ? "ago" : "ahead"}: compare the clocks`);
  }

  return {
    /** Nobody without a signature, or with one of long ago, makes us keep a body. */
    check({ req }): Authentication {
      const { headers } = req.raw;
      if (secret.current() === undefined) return "unready";
      const signature = headers.get(header);
      if (signature === null) return unsigned("no such header");
      if (signatureIn(signature) === undefined) return unsigned("no 64 hex digits");
      return timestamp ? checkTime(headers, timestamp) : "granted";
    },

    checkBody({ req }, body) {
      const { headers } = req.raw;
      const prefix = timestamp && `${headers.get(timestamp.header)}.`;
      return compareDigests(signatureIn(headers.get(header)), {
        secret,
        digestOf(key) {
          const mac = createHmac("sha256", key);
          if (prefix !== undefined) mac.update(prefix);
          return mac.update(body).digest();
        },
        denied: forged,
      });
    },
  };
}

function signatureIn(text: string | null): Uint8Array | undefined {
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(text ?? "")?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, "hex");
}

/**
 * Milliseconds since the Unix epoch, from seconds, milliseconds or RFC 3339. As seconds, 12 digits are the year 5138.
 * No text that counts goes on behind a full stop as another one would, or `1.5` and a body could be `1` and another.
 */
function instantMs(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  const us = parseInstantUs(text);
  return us === undefined ? undefined : us / 1000;
}
