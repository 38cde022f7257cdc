import type { Logger } from "./logger.ts";
import { type LaneName, laneKey } from "./message.ts";

/** How a lane does, in the words that Azure IoT Operations uses. */
export type HealthName = "Available" | "Degraded" | "Unavailable" | "Unknown";

export interface LaneCondition {
  health: HealthName;
  reasonCode: string | null;
  /** The cause and what to do; null while all is well. */
  reason: string | null;
}

/** What a lane went through, as an operator should read it. */
const conditions = {
  unknown: { health: "Unknown", reasonCode: null, advice: "" },
  available: { health: "Available", reasonCode: null, advice: "" },
  retrying: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetSendFailed",
    advice: "Check that the receiver runs and can be reached; nothing is dropped, the batch is sent again",
  },
  misconfigured: {
    health: "Unavailable",
    reasonCode: "DataflowOtelTargetConfigurationError",
    advice:
      "Check the endpoint's host, authentication and headers, and that the receiver takes this signal; nothing is dropped",
  },
  refused: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "Look at the dead letters of this lane and replay them once the receiver takes them",
  },
  broken: {
    health: "Degraded",
    reasonCode: "DataflowOtelTargetProcessingError",
    advice: "The gateway itself failed, and its log tells how; it tries again, and nothing is dropped",
  },
} as const satisfies Record<string, { health: HealthName; reasonCode: string | null; advice: string }>;

const logLevels = { Available: "info", Degraded: "warn", Unavailable: "error", Unknown: "info" } as const;

/** A lane's condition, with one log line for each change of it. */
export function createLaneHealth(name: LaneName, logger: Logger) {
  let current: LaneCondition = { health: "Unknown", reasonCode: null, reason: null };
  let logged: LaneCondition = current;

  return {
    get current() {
      return current;
    },
    /** `silent`: the line that tells of it is written elsewhere. `fields`: what only the log tells. */
    change(to: keyof typeof conditions, cause?: string, { silent = false, fields = {} } = {}) {
      const { health, reasonCode, advice } = conditions[to];
      current = { health, reasonCode, reason: cause === undefined ? null : `${cause}. ${advice}` };
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
