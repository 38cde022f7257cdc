import type { Clock } from "./clock.ts";
import { type createLaneHealth, retryCondition } from "./deliver-health.ts";
import type { createPause } from "./deliver-pause.ts";
import type { createRecorder } from "./deliver-record.ts";
import { toError } from "./errors.ts";
import type { Exporter, ExportOutcome } from "./export/exporter.ts";
import type { Batch, Lane } from "./store/batch-store.ts";

export type AttemptObserver = (outcome: ExportOutcome["kind"], durationMs: number) => void;

/** After these the same bytes go again, later. */
export type Postponing = ExportOutcome & { kind: "retryable" | "misconfigured" };

/** A lane's attempts at its receiver, and those that have to be made again. */
export function createAttempts(options: {
  lane: Lane;
  exporter: Exporter;
  record: ReturnType<typeof createRecorder>["record"];
  pause: ReturnType<typeof createPause>;
  health: ReturnType<typeof createLaneHealth>;
  wentUnanswered: (batch: Batch) => void;
  clock: Clock;
  onExport?: AttemptObserver | undefined;
}) {
  const { lane, exporter, record, pause, health, wentUnanswered, clock, onExport } = options;
  let retries = 0;

  async function postpone(batch: Batch, delayMs: number, outcome: Postponing): Promise<false> {
    const unanswered = outcome.kind === "retryable" && !outcome.answered && !outcome.isUnsent;
    if (unanswered) wentUnanswered(batch);
    const notBeforeUs = clock.nowUs() + Math.round(delayMs * 1000);
    await record({ run: () => lane.postpone({ notBeforeUs, unanswered }) });
    return false;
  }

  return {
    async send(request: Uint8Array, signal: AbortSignal): Promise<ExportOutcome> {
      const startMs = clock.monotonicMs();
      const outcome = await exporter
        .export(lane.name.signal, request, { signal })
        .catch(
          (error): ExportOutcome => ({ kind: "retryable", reason: toError(error).message, answered: false }),
        );
      onExport?.(outcome.kind, clock.monotonicMs() - startMs);
      return outcome;
    },
    /** The same bytes later. */
    async repeat(batch: Batch, outcome: Postponing): Promise<false> {
      retries += 1;
      if (outcome.kind === "misconfigured") {
        health.change("misconfigured", outcome.reason);
        return await postpone(batch, pause.afterFailure(), outcome);
      }
      health.change(retryCondition(outcome), outcome.reason);
      return await postpone(batch, pause.afterFailure(outcome.retryDelayMs), outcome);
    },
    /** We ourselves gave the attempt up: no fault of the receiver, who may have taken it. */
    giveBack: (batch: Batch, outcome: Postponing) => postpone(batch, 0, outcome),
    /** How many have to be repeated, since start. */
    get retries() {
      return retries;
    },
  };
}
