import type { Secret } from "../../pipeline/secret.ts";
import { type Authenticator, compareDigests, digestOf } from "./authentication.ts";

const denied = { wanted: "a valid bearer token", challenge: "Bearer" };

/**
 * Bearer tokens, any of a secret's current values: in the Authorization header, or, for senders that may put it
 * there, in a query parameter when there is no such header.
 *
 * Source: RFC 6750, 2.1 and 2.3.
 */
export function createBearerAuthenticator(
  secret: Secret,
  { queryParameter }: { queryParameter?: string } = {},
): Authenticator {
  const expected = { secret, digestOf, denied };
  return {
    ...(queryParameter === undefined ? {} : { queryParameter }),
    check({ req }) {
      const authorization = req.raw.headers.get("authorization");
      const token =
        authorization === null && queryParameter !== undefined
          ? req.query(queryParameter)
          : /^bearer +(.+)$/i.exec(authorization ?? "")?.[1]?.trim();
      return compareDigests(token === undefined ? undefined : digestOf(token), expected);
    },
  };
}
