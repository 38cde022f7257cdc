/**
 * Lets one piece of work run at a time, in the order of the calls. Gives undefined when `signal` was aborted before
 * its turn came; the work did not begin then.
 */
export function createTurns() {
  let last: Promise<void> = Promise.resolve();

  return async function inTurn<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    const previous = last;
    const own = Promise.withResolvers<void>();
    last = previous.then(() => own.promise);
    try {
      if (signal) await Promise.race([previous, aborted(signal, previous)]);
      else await previous;
      return signal?.aborted ? undefined : await work();
    } finally {
      own.resolve();
    }
  };
}

/** Resolves when `signal` is aborted; stops listening once `until` has resolved. */
function aborted(signal: AbortSignal, until: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => resolve();
    if (signal.aborted) return done();
    signal.addEventListener("abort", done, { once: true });
    void until.then(() => signal.removeEventListener("abort", done));
  });
}
