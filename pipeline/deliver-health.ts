import type { ExportOutcome } from "./export/exporter.ts";
import type { Logger } from "./logger.ts";
import { type LaneName, laneKey } from "./message.ts";

/** How a lane does, in the words that Azure IoT Operations uses. */
export const healthNames = ["Available", "Degraded", "Unavailable", "Unknown"] as const;
export type HealthName = (typeof healthNames)[number];

/** Why it does not do better, likewise. */
export const reasonCodes = [
  "DataflowOtelTargetConfigurationError",
  "DataflowOtelTargetProcessingError",
  "DataflowOtelTargetSendFailed",
] as const;
export type ReasonCode = (typeof reasonCodes)[number];

export interface LaneCondition {
  health: HealthName;
  reasonCode: ReasonCode | null;
  /** The cause and what to do; null while all is well. */
  reason: string | null;
}

interface Condition {
  health: HealthName;
  reasonCode: ReasonCode | null;
  /** What to do, beyond what the cause says itself. */
  advice?: string;
  /** The batch waits for another attempt. */
  isRepeated?: boolean;
}

/** What a lane went through, as an operator should read it. */
const conditions = {
  available: { health: "Available", reasonCode: null },
  /** No answer of the receiver's own came. */
  away: { health: "Degraded", reasonCode: "DataflowOtelTargetSendFailed", isRepeated: true },
  /** It is there, and cannot take the batch now. */
  busy: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetSendFailed",
    advice: "Look at the receiver's own log if this lasts",
    isRepeated: true,
  },
  throttled: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetSendFailed",
    advice: "The receiver asks for a pause: give it more capacity if this lasts",
    isRepeated: true,
  },
  misconfigured: {
    health: "Unavailable",
    reasonCode: "DataflowOtelTargetConfigurationError",
    advice: "Changed credentials are tried at once, a changed configuration at the next start",
    isRepeated: true,
  },
  refused: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "Look at the dead letters of this lane and replay them once the receiver takes them",
  },
  /** Nothing was lost, and there is nothing to replay. */
  notRestated: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "It was a restatement of quiet series: set restateSeconds to 0 if the receiver takes none",
  },
  restatedTooMuch: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "It was a restatement of quiet series: the next ones hold fewer of them",
  },
  broken: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "The gateway itself failed, and its log tells how",
    isRepeated: true,
  },
} as const satisfies Record<string, Condition>;

/** What an attempt that has to be repeated tells of the receiver. */
export function retryCondition({ answered, retryDelayMs = 0 }: ExportOutcome & { kind: "retryable" }) {
  if (retryDelayMs > 0) return "throttled";
  return answered ? "busy" : "away";
}

const logLevels = { Available: "info", Degraded: "warn", Unavailable: "error", Unknown: "info" } as const;

/** A lane's condition, with one log line for each change of it. `deliverWithinMs`: as the sender has it. */
export function createLaneHealth(name: LaneName, logger: Logger, deliverWithinMs?: number) {
  let current: LaneCondition = { health: "Unknown", reasonCode: null, reason: null };
  let logged: LaneCondition = current;
  const promise =
    deliverWithinMs === undefined
      ? "Nothing is dropped: the batch is sent again"
      : `The batch is sent again; messages older than ${deliverWithinMs / 1000} s become dead letters`;

  return {
    get current() {
      return current;
    },
    /** `silent`: the line that tells of it is written elsewhere. `fields`: what only the log tells. */
    change(to: keyof typeof conditions, cause?: string, { silent = false, fields = {} } = {}) {
      const { health, reasonCode, advice, isRepeated }: Condition = conditions[to];
      const sentences = [cause, advice, isRepeated ? promise : undefined].filter((one) => one !== undefined);
      current = { health, reasonCode, reason: sentences.length === 0 ? null : sentences.join(". ") };
      if (silent || (logged.health === health && logged.reasonCode === reasonCode)) return;
      logged = current;
      logger[logLevels[health]](
        {
          lane: laneKey(name),
          health,
          reasonCode,
          ...(current.reason === null ? {} : { reason: current.reason }),
          ...fields,
        },
        `Delivery of ${name.signal} to ${name.destination} is ${health.toLowerCase()}`,
      );
    },
  };
}
