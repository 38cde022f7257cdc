import type { Credentials, Expiration } from "./export/credentials.ts";

/** What an operator should know of a destination's credentials. */
export interface CredentialReport {
  destination: string;
  /** Why they, or those that should replace them, are not in use; null while all is well. */
  problem: string | null;
  expirations: readonly Expiration[];
}

export function reportCredentials(destination: string, credentials: Credentials): CredentialReport {
  const { fault, warning, expirations } = credentials.state();
  return { destination, problem: fault ?? warning ?? null, expirations };
}

/** Days until something ends, to the hundredth; negative when it has ended. */
export function daysUntil(instantUs: number, nowUs: number): number {
  return Math.floor((instantUs - nowUs) / 864_000_000) / 100;
}
