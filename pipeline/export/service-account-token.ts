import type { Clock } from "../clock.ts";
import type { Secret } from "../secret.ts";
import { readTokenClaims, type TokenClaims } from "./jwt.ts";

/** Characters of a token's audiences that are shown. */
const audienceCharactersMax = 200;

export interface TokenState {
  /** Why it is not sent at all. */
  fault: string | undefined;
  /** Why the receiver may refuse it. It is sent nevertheless: the receiver's clock counts, and not every token is a JWT. */
  doubt: string | undefined;
  expiresAtUs: number | undefined;
}

/** A Kubernetes service account token for one receiver. */
export interface ServiceAccountToken {
  /** Value of the `authorization` header. Source: RFC 6750, 2.1. */
  readonly authorization: Secret;
  state(): TokenState;
}

/**
 * Send a projected token. What it says of itself is read, so that a refusal can be explained; a token that is meant
 * for somebody else is not shown to this receiver, who could use it there.
 */
export function createServiceAccountToken(options: {
  /** The token's file, as it is now. */
  token: Secret;
  audience: string;
  clock: Clock;
}): ServiceAccountToken {
  const { token, audience, clock } = options;
  let values: readonly string[] | undefined;
  let headers: readonly string[] | undefined;
  let claims: TokenClaims | undefined;

  /** Parsed again only when the file was. */
  function refresh(): void {
    const read = token.current();
    if (read === values) return;
    values = read;
    headers = read?.map((value) => `Bearer ${value}`);
    claims = readTokenClaims(read?.[0] ?? "");
  }

  return {
    authorization: {
      current() {
        refresh();
        return headers;
      },
    },
    state() {
      refresh();
      const expiresAtUs = claims?.expiresAtUs;
      if (headers === undefined) {
        const fault =
          "The service account token cannot be read: check that its file is mounted and not empty";
        return { fault, doubt: undefined, expiresAtUs };
      }
      return {
        fault: claims && wrongAudience(claims, audience),
        doubt: doubtOf(claims, clock.nowUs()),
        expiresAtUs,
      };
    },
  };
}

function wrongAudience({ audiences }: TokenClaims, wanted: string): string | undefined {
  if (audiences.length === 0 || audiences.includes(wanted)) return undefined;
  const met = JSON.stringify(audiences.join(", ").slice(0, audienceCharactersMax));
  return `The service account token is for the audience ${met}, wanted ${JSON.stringify(wanted)}: project one for that audience`;
}

function doubtOf(claims: TokenClaims | undefined, nowUs: number): string | undefined {
  if (claims === undefined) {
    return "The service account token is not a JSON Web Token: check that its file holds a projected token";
  }
  const { startsAtUs, expiresAtUs } = claims;
  if (expiresAtUs !== undefined && nowUs >= expiresAtUs) {
    return `The service account token expired at ${instant(expiresAtUs)}: check what renews its file`;
  }
  if (startsAtUs !== undefined && nowUs < startsAtUs) {
    return `The service account token is not valid before ${instant(startsAtUs)}: check the clock`;
  }
  return undefined;
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}
