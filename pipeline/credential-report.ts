import type { Credentials, Expiration } from "./export/credentials.ts";

/** What an operator should know of credentials. */
export interface CredentialCondition {
  /** Why they, or those that should replace them, are not in use; null while all is well. */
  problem: string | null;
  expirations: readonly Expiration[];
}

/** Those of a destination. */
export interface CredentialReport extends CredentialCondition {
  destination: string;
}

export function conditionOf(credentials: Credentials): CredentialCondition {
  const { fault, warning, expirations } = credentials.state();
  return { problem: fault ?? warning ?? null, expirations };
}

/** Days until something ends, to the hundredth; negative when it has ended. */
export function daysUntil(instantUs: number, nowUs: number): number {
  return Math.floor((instantUs - nowUs) / 864_000_000) / 100;
}
