/** Successes in a row after which a size that was once too large is tried again. */
const successesToWiden = 100;

/** Refusals without one success in between, after which the receiver is to be spared. */
export const refusalsInARowMax = 64;

/** What a batch that was sent held. */
export interface BatchSize {
  messages: number;
  payloadBytes: number;
}

/** Only the request's own limit counts. */
export const unlimited = { messagesMax: Number.POSITIVE_INFINITY, payloadBytesMax: Number.POSITIVE_INFINITY };

/**
 * A limit that is learned from what was refused for its size: half of that, until 100 in a row were taken, then
 * twice as much. At least 1.
 */
export function createLearnedLimit() {
  let max = Number.POSITIVE_INFINITY;
  let successesInARow = 0;

  return {
    get max() {
      return max;
    },
    accepted() {
      successesInARow += 1;
      if (successesInARow < successesToWiden) return;
      successesInARow = 0;
      max *= 2;
    },
    /** The receiver did not say what it thinks of this size. */
    failed() {
      successesInARow = 0;
    },
    refused(size: number) {
      successesInARow = 0;
      max = Math.max(1, Math.floor(size / 2));
    },
  };
}

/**
 * How large the next batch may be. A refusal halves it, which finds a poisonous message in few requests; a success
 * doubles it again. What was refused for its size is a lesson that lasts: the half is the limit for long.
 */
export function createBatchLimits() {
  const payloadBytes = createLearnedLimit();
  let { messagesMax } = unlimited;
  let refusalsInARow = 0;

  return {
    /** Any batch may hold one message, whatever its size. */
    get current() {
      return { messagesMax, payloadBytesMax: payloadBytes.max };
    },
    /** Nothing but refusals, for so long that the lane goes on at the pace of the back-off. */
    get isExhausted() {
      return refusalsInARow >= refusalsInARowMax;
    },
    accepted() {
      refusalsInARow = 0;
      messagesMax *= 2;
      payloadBytes.accepted();
    },
    failed: payloadBytes.failed,
    refused(size: BatchSize, tooLarge: boolean) {
      refusalsInARow += 1;
      if (tooLarge && size.messages > 1) payloadBytes.refused(size.payloadBytes);
      else payloadBytes.failed();
      if (!tooLarge && size.messages > 1) messagesMax = Math.floor(size.messages / 2);
    },
  };
}
