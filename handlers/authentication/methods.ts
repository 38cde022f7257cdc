import type { Clock } from "../../pipeline/clock.ts";
import type { SecretReference, SourceConfig } from "../../pipeline/config/config.ts";
import type { Secret } from "../../pipeline/secret.ts";
import { type Authenticator, openToAll } from "./authentication.ts";
import { createBasicAuthenticator } from "./basic.ts";
import { createBearerAuthenticator } from "./bearer.ts";
import { createCertificateAuthenticator } from "./certificate.ts";
import { createHmacAuthenticator } from "./hmac.ts";
import { createUrlAuthenticator } from "./url.ts";

/** Where CloudEvents senders may put a token. Source: CloudEvents, "HTTP 1.1 Web Hooks", 3.2. */
const cloudEventsParameter = "access_token";

/** Who may post to a source. */
export function createSourceAuthenticator(
  { name: realm, adapter, authentication = { method: "None" } }: SourceConfig,
  { secrets, clock }: { secrets(reference: SecretReference): Secret; clock: Clock },
): Authenticator {
  switch (authentication.method) {
    case "None":
      return openToAll;
    case "Bearer":
      return createBearerAuthenticator(
        secrets(authentication.token),
        adapter === "cloudevents" ? { queryParameter: cloudEventsParameter } : {},
      );
    case "Basic": {
      const { username, password } = authentication;
      return createBasicAuthenticator(secrets(password), { username, realm });
    }
    case "HmacSha256": {
      const { key, header, timestamp } = authentication;
      return createHmacAuthenticator(secrets(key), { header, timestamp, clock });
    }
    case "UrlSecret": {
      const { secret, parameter: queryParameter } = authentication;
      return createUrlAuthenticator(secrets(secret), { queryParameter, realm });
    }
    case "ClientCertificate":
      return createCertificateAuthenticator({ names: authentication.names, realm, clock });
  }
}
