import type { Exporter, ExportOutcome } from "../../pipeline/export/exporter.ts";
import type { Signal } from "../../pipeline/message.ts";

export interface FakeExporter extends Exporter {
  /** Every request that was sent, in order. */
  readonly requests: readonly Uint8Array[];
  /** Decides each outcome; default: accepted. */
  answer: (request: Uint8Array, attempt: number) => ExportOutcome | Promise<ExportOutcome>;
  /** Resolves once `count` requests have arrived. */
  received(count: number): Promise<void>;
  readonly isClosed: boolean;
}

export const outcomes = {
  accepted: { kind: "accepted" },
  unavailable: { kind: "retryable", reason: "UNAVAILABLE: try later", answered: true },
  cut: { kind: "retryable", reason: "The connection was cut", answered: false },
  unconnected: { kind: "retryable", reason: "The connection was refused", answered: false, isUnsent: true },
  unauthenticated: { kind: "misconfigured", reason: "UNAUTHENTICATED: who are you" },
  invalid: { kind: "refused", reason: "INVALID_ARGUMENT: bad data", tooLarge: false },
  tooLarge: { kind: "refused", reason: "RESOURCE_EXHAUSTED: message too large", tooLarge: true },
} as const satisfies Record<string, ExportOutcome>;

/** A receiver that says what the test wants. An attempt that is aborted ends without an answer, as a real one does. */
export function createFakeExporter(): FakeExporter {
  const requests: Uint8Array[] = [];
  const watchers: { count: number; resolve: () => void }[] = [];
  let isClosed = false;

  return {
    requests,
    answer: () => outcomes.accepted,
    get isClosed() {
      return isClosed;
    },
    received(count) {
      if (requests.length >= count) return Promise.resolve();
      return new Promise((resolve) => watchers.push({ count, resolve }));
    },
    async export(_signal: Signal, request, { signal }) {
      requests.push(request);
      for (const { count, resolve } of watchers) if (requests.length >= count) resolve();
      const aborted = Promise.withResolvers<ExportOutcome>();
      const onAbort = () => aborted.resolve({ kind: "retryable", reason: "Aborted", answered: false });
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted) onAbort();
      try {
        return await Promise.race([aborted.promise, this.answer(request, requests.length)]);
      } finally {
        signal?.removeEventListener("abort", onAbort);
      }
    },
    async close() {
      isClosed = true;
    },
  };
}
