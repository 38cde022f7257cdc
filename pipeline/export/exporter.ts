import type { Signal } from "../message.ts";

/**
 * What became of one attempt to send.
 *
 * - accepted, partial: final, never sent again
 * - retryable: the same request again, later. `answered` is false when no status of the receiver's own came back,
 *   so that it may have been accepted, unless it `isUnsent`: no connection came about, or it was turned away unread
 * - misconfigured: the receiver wants another credential, path or service; the lane waits. `isCredentialRefused` when
 *   the receiver said so of the credential
 * - refused: this request will never be accepted; `tooLarge` when its size is the reason
 *
 * Source: OTLP specification, "Failures"; contract, "Outcomes".
 */
export type ExportOutcome =
  | { kind: "accepted"; warning?: string | undefined }
  | { kind: "partial"; rejectedItems: number; reason: string }
  | {
      kind: "retryable";
      reason: string;
      answered: boolean;
      isUnsent?: true | undefined;
      retryDelayMs?: number | undefined;
    }
  | { kind: "misconfigured"; reason: string; isCredentialRefused?: boolean | undefined }
  | { kind: "refused"; reason: string; tooLarge: boolean };

/** Sends encoded OTLP requests to one destination. Never throws for what a receiver or a network does. */
export interface Exporter {
  /**
   * Send one Export request.
   *
   * Shape:  `request` is an encoded ExportMetricsServiceRequest or ExportLogsServiceRequest.
   * Errors: none of the transport's; every failure is an outcome. Aborted: retryable, not answered.
   */
  export(
    signal: Signal,
    request: Uint8Array,
    options: { signal?: AbortSignal | undefined },
  ): Promise<ExportOutcome>;
  close(): Promise<void>;
}
