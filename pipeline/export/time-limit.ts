/** How long one attempt may take. */
export interface TimeLimit {
  /** Aborted when the time is over, or when one of the others that the limit was made of was aborted. */
  readonly signal: AbortSignal;
  /** The time itself was over first. */
  readonly isExpired: boolean;
  /** The attempt has ended: nothing is waited for any more, and `signal` is aborted to cut what is still unread. */
  end(): void;
}

/** A limit for an attempt that begins now, and that any of `aborts` ends earlier. */
export function startTimeLimit(timeoutMs: number, aborts: readonly (AbortSignal | undefined)[]): TimeLimit {
  const controller = new AbortController();
  let isExpired = false;
  const timer = setTimeout(() => {
    isExpired = !controller.signal.aborted;
    controller.abort();
  }, timeoutMs);
  const abort = () => controller.abort();
  for (const other of aborts) {
    if (other?.aborted) abort();
    other?.addEventListener("abort", abort);
  }
  return {
    signal: controller.signal,
    get isExpired() {
      return isExpired;
    },
    end() {
      clearTimeout(timer);
      for (const other of aborts) other?.removeEventListener("abort", abort);
      abort();
    },
  };
}
