import type { Clock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { type Credentials, createCredentials } from "../../pipeline/export/credentials.ts";
import type { TlsMaterial } from "../../pipeline/export/tls.ts";
import type { Secret } from "../../pipeline/secret.ts";

/** Enhanced authentication. Source: MQTT 5.0, 4.12. */
export interface EnhancedAuthentication {
  authenticationMethod: string;
  authenticationData: Buffer;
}

/** What a bridge shows to its broker, and whom it trusts to be it, at one moment. */
export interface BridgeIdentity {
  tls: TlsMaterial;
  user: { username: string; password: string } | undefined;
  authentication: EnhancedAuthentication | undefined;
}

export interface BridgeCredentials {
  /** For a connection that begins now. */
  identity(): BridgeIdentity | { fault: string };
  /** What may be replaced while the gateway runs; undefined: nothing. */
  watched: Credentials | undefined;
  /** Whether certificates are others than those of the last `identity`. */
  isTlsReplaced(): boolean;
  /** Calls `send` when there is a token. */
  reauthenticate(send: (authentication: EnhancedAuthentication) => void): void;
}

/** Source: Azure IoT Operations, "Configure MQTT broker authentication". */
const tokenMethod = "K8S-SAT";

/** `password` or `token`: that of the method, as it is now. */
export function createBridgeCredentials(
  config: BridgeConfig,
  { password, token, clock }: { password?: Secret | undefined; token?: Secret | undefined; clock: Clock },
): BridgeCredentials {
  const { authentication } = config;
  const credentials = createCredentials({
    clock,
    serviceAccountToken:
      authentication.method === "ServiceAccountToken" && token
        ? { audience: authentication.audience, token }
        : undefined,
    clientCertificateFolder: "folder" in authentication ? authentication.folder : undefined,
    clientCertificateFiles: "certificateFile" in authentication ? authentication : undefined,
    trustedCaFolder: config.trustedCaFolder,
    trustedCaFile: config.trustedCaFile,
    secrets: password ? [password] : [],
  });
  const isWatched =
    authentication.method !== "Anonymous" ||
    config.trustedCaFolder !== undefined ||
    config.trustedCaFile !== undefined;
  // To gather the machine's own authorities takes a while, which nobody needs without TLS.
  const needsTls = isWatched || /^(mqtts|wss):/.test(config.url);
  let shown: TlsMaterial | undefined;

  function enhanced(): EnhancedAuthentication | undefined {
    const value = token?.current()?.[0];
    if (value === undefined) return undefined;
    return { authenticationMethod: tokenMethod, authenticationData: Buffer.from(value) };
  }

  return {
    watched: isWatched ? credentials : undefined,
    identity() {
      const { fault } = credentials.state();
      if (fault !== undefined) return { fault };
      shown = needsTls ? credentials.tls() : {};
      if (authentication.method !== "UsernamePassword") {
        return { tls: shown, user: undefined, authentication: enhanced() };
      }
      const value = password?.current()?.[0];
      if (value === undefined) {
        return {
          fault: "The password cannot be read: check that its file or variable is there and not empty",
        };
      }
      return {
        tls: shown,
        user: { username: authentication.username, password: value },
        authentication: undefined,
      };
    },
    isTlsReplaced: () => needsTls && shown !== undefined && credentials.tls() !== shown,
    reauthenticate(send) {
      const authentication = enhanced();
      if (authentication) send(authentication);
    },
  };
}
