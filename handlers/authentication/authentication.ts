import { hash, timingSafeEqual } from "node:crypto";
import type { Context } from "hono";
import type { Secret } from "../../pipeline/secret.ts";

/** `unready`: the secret could not be read yet, so that nobody can be told from anybody. */
export type Authentication = "granted" | "unready" | Denied;

export interface Denied {
  /** What should have been shown, as in "a valid bearer token". Never what was. */
  wanted: string;
  /** For the header WWW-Authenticate. Source: RFC 9110, 11.6.1. */
  challenge: string;
  /** What came instead, for the operator's log alone: without a word of the sender's. */
  met?: string;
}

/** How one method tells who may come in. */
export interface Authenticator {
  /** Query parameter that the credential may be in: nobody behind the door gets to see it. */
  queryParameter?: string;
  /** Judges what is known before the body. */
  check(c: Context): Authentication;
  /** Judges the body too, for methods that sign it; called after `check` has granted. */
  checkBody?(c: Context, body: Uint8Array): Authentication;
}

/** Lets everyone in. */
export const openToAll: Authenticator = { check: () => "granted" };

/**
 * Whether what was presented belongs to any of a secret's current values. Compares digests, in a time that depends
 * on neither the values nor their lengths.
 *
 * Shape: `presented` and all that `digestOf` makes are 32 bytes; undefined: nothing of use was presented.
 */
export function compareDigests(
  presented: Uint8Array | undefined,
  { secret, digestOf, denied }: { secret: Secret; digestOf: (value: string) => Uint8Array; denied: Denied },
): Authentication {
  const values = secret.current();
  if (values === undefined) return "unready";
  if (presented === undefined) return { met: "none that can be read", ...denied };
  let isGranted = false;
  for (const value of values) {
    // No early exit: which of the values it is shall not show either.
    if (timingSafeEqual(digestOf(value), presented)) isGranted = true;
  }
  return isGranted ? "granted" : { met: "one that none of the source's secrets fits", ...denied };
}

export function digestOf(text: string): Uint8Array {
  return hash("sha256", text, "buffer");
}
