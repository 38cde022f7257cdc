import type { Root } from "../expression/resolve.ts";
import type { MqttMessage } from "../message.ts";
import type { FilterReason, RateLimit } from "../payload/format.ts";
import type { Reading } from "../payload/reading.ts";

/** A message on its way through a graph. It is never changed: a transform makes another one. */
export type Traveller = Root;

/** What is the same for a message on all its ways. */
export interface Journey {
  /** As it came. */
  message: MqttMessage;
  reading: Reading;
  /** Whether it passes a rate limit. Of its copies on several ways at most one does: no time goes by between them. */
  admits(limit: RateLimit): boolean;
}

/** What becomes of a message at a transform. */
export type Passage =
  /** `output`: that of a branch. */
  | { kind: "passes"; traveller: Traveller; output?: boolean | undefined }
  | { kind: "dropped"; reason: FilterReason };

/** Errors: Refused, when a rule cannot be applied. */
export type Transform = (traveller: Traveller, journey: Journey) => Passage;
