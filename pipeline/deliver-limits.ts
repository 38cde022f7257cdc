/** Successes in a row after which a size that was once too large is tried again. */
const successesToWiden = 100;

/** Refusals without one success in between, after which the receiver is to be spared. */
const refusalsInARowMax = 64;

/** What a batch that was sent held. */
export interface BatchSize {
  messages: number;
  payloadBytes: number;
}

/** Only the request's own limit counts. */
export const unlimited = { messagesMax: Number.POSITIVE_INFINITY, payloadBytesMax: Number.POSITIVE_INFINITY };

/**
 * How large the next batch may be. A refusal halves it, which finds a poisonous message in few requests; a success
 * doubles it again. What was refused for its size is a lesson that lasts: the half is the limit for long.
 */
export function createBatchLimits() {
  let { messagesMax, payloadBytesMax } = unlimited;
  let successesInARow = 0;
  let refusalsInARow = 0;

  return {
    /** Any batch may hold one message, whatever its size. */
    get current() {
      return { messagesMax, payloadBytesMax };
    },
    /** Nothing but refusals, for so long that the lane goes on at the pace of the back-off. */
    get isExhausted() {
      return refusalsInARow >= refusalsInARowMax;
    },
    accepted() {
      refusalsInARow = 0;
      successesInARow += 1;
      messagesMax *= 2;
      if (successesInARow < successesToWiden) return;
      successesInARow = 0;
      payloadBytesMax *= 2;
    },
    /** The receiver did not say what it thinks of this size. */
    failed() {
      successesInARow = 0;
    },
    refused({ messages, payloadBytes }: BatchSize, tooLarge: boolean) {
      successesInARow = 0;
      refusalsInARow += 1;
      if (messages === 1) return;
      if (tooLarge) payloadBytesMax = Math.floor(payloadBytes / 2);
      else messagesMax = Math.floor(messages / 2);
    },
  };
}
