import { hash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../pipeline/secret.ts";

/** `unready`: the secret could not be read yet, so that nobody can be told from anybody. */
export type Authentication = "granted" | "denied" | "unready";

/** Checks the value of an Authorization header. */
export type Authenticate = (authorization: string | null | undefined) => Authentication;

export const authenticateAll: Authenticate = () => "granted";

/**
 * Bearer tokens, any of a secret's current values. Compared as digests, in a time that depends on neither the
 * tokens nor their lengths. Source: RFC 6750, 2.1.
 */
export function createBearerAuthentication(secret: Secret): Authenticate {
  return (authorization) => {
    const tokens = secret.current();
    if (tokens === undefined) return "unready";
    const presented = /^bearer +(.+)$/i.exec(authorization ?? "")?.[1]?.trim();
    if (presented === undefined) return "denied";
    const digest = hash("sha256", presented, "buffer");
    let isGranted = false;
    for (const token of tokens) {
      // No early exit: which of the tokens it is shall not show either.
      if (timingSafeEqual(hash("sha256", token, "buffer"), digest)) isGranted = true;
    }
    return isGranted ? "granted" : "denied";
  };
}
