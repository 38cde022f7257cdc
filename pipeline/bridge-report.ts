import type { CredentialCondition } from "./credential-report.ts";

/** How a bridge does. */
export interface BridgeReport {
  name: string;
  /** Connected and subscribed. */
  connected: boolean;
  /** Retained messages that the broker sent when the subscription was made, and that were not taken. */
  retainedSkipped: number;
  /** Messages of QoS 0 that could not be stored at once. */
  droppedWhenBusy: number;
  /** Why it is not connected, or acknowledges nothing; null while all is well. */
  reason: string | null;
  /** Undefined: it has none, or has not started. */
  credentials?: CredentialCondition | undefined;
}
