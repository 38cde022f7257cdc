import { createHash } from "node:crypto";
import type { Secret } from "../../pipeline/secret.ts";
import { type Authenticator, compareDigests, digestOf } from "./authentication.ts";

/**
 * A user name with any of a secret's current values as its password.
 *
 * Source: RFC 7617, 2.
 */
export function createBasicAuthenticator(
  secret: Secret,
  { username, realm }: { username: string; realm: string },
): Authenticator {
  const expected = {
    secret,
    digestOf: (password: string) => digestOf(`${username}:${password}`),
    denied: {
      wanted: "a valid user name and password",
      challenge: `Basic realm="${realm}", charset="UTF-8"`,
    },
  };
  return {
    check({ req }) {
      const pair = /^basic +(\S+)$/i.exec(req.raw.headers.get("authorization") ?? "")?.[1];
      const presented = pair === undefined ? undefined : createHash("sha256").update(pair, "base64").digest();
      return compareDigests(presented, expected);
    },
  };
}
