import type { Secret } from "../../pipeline/secret.ts";
import { type Authenticator, compareDigests, digestOf } from "./authentication.ts";

/** A secret in the address, for senders that cannot send headers: as the path's parameter `secret`, or in the query. */
export function createUrlAuthenticator(
  secret: Secret,
  { queryParameter, realm }: { queryParameter: string; realm: string },
): Authenticator {
  const denied = { wanted: "a valid secret in the address", challenge: `UrlSecret realm="${realm}"` };
  const expected = { secret, digestOf, denied };
  return {
    queryParameter,
    check({ req }) {
      const presented = req.param("secret") ?? req.query(queryParameter);
      return compareDigests(presented === undefined ? undefined : digestOf(presented), expected);
    },
  };
}
