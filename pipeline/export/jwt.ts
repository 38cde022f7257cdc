/** What a token says of itself. */
export interface TokenClaims {
  /** Empty when it names none. */
  audiences: readonly string[];
  startsAtUs: number | undefined;
  expiresAtUs: number | undefined;
}

/**
 * Claims of a JSON Web Token, whose signature is the receiver's to verify.
 *
 * Shape:  undefined when the text is no such token.
 * Source: RFC 7519, 4.1; RFC 7515, 7.1.
 */
export function readTokenClaims(token: string): TokenClaims | undefined {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    if (typeof claims !== "object" || claims === null || Array.isArray(claims)) return undefined;
    const { aud, exp, nbf } = claims as Record<string, unknown>;
    return {
      audiences: [aud].flat().filter((audience) => typeof audience === "string"),
      startsAtUs: instantUs(nbf),
      expiresAtUs: instantUs(exp),
    };
  } catch {
    return undefined;
  }
}

/** Units: from seconds to microseconds since the Unix epoch. Beyond what a date can hold it is no instant. */
function instantUs(seconds: unknown): number | undefined {
  return typeof seconds === "number" && Math.abs(seconds) <= 8.64e12 ? seconds * 1_000_000 : undefined;
}
