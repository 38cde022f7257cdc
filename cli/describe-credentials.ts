/** How the gateway identifies itself somewhere, and whom it trusts there, in an operator's words. */
import { placeOf } from "../handlers/runtime/missing.ts";
import type { BridgeAuthentication, BridgeConfig } from "../pipeline/config/config.ts";

/** Where credentials stand; never what they are. */
export function describeCredentials(authentication: BridgeAuthentication): string {
  const { method } = authentication;
  switch (method) {
    case "Anonymous":
      return method;
    case "UsernamePassword":
      return `user name with password from ${placeOf(authentication.password)}`;
    case "ServiceAccountToken":
      return `${method} for audience ${authentication.audience} from file ${authentication.tokenFile}`;
    case "X509Certificate":
      return "folder" in authentication
        ? `${method} from folder ${authentication.folder}`
        : `${method} from file ${authentication.certificateFile} with key ${authentication.keyFile}`;
  }
}

export function describeTrust({
  url,
  trustedCaFolder,
  trustedCaFile,
}: Pick<BridgeConfig, "url" | "trustedCaFolder" | "trustedCaFile">): string {
  if (!/^(https|mqtts|wss):/.test(url)) return "TLS off";
  if (trustedCaFolder !== undefined) return `TLS on, trusting folder ${trustedCaFolder}`;
  return trustedCaFile === undefined ? "TLS on" : `TLS on, trusting file ${trustedCaFile}`;
}
