import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";

/**
 * Scrape a Prometheus exporter again and again until the test has finished. `pattern` gives the value of one series;
 * undefined: it is not there.
 */
export function startScraping(url: string, pattern: RegExp) {
  const values: (number | undefined)[] = [];
  let isOver = false;
  const ended = (async () => {
    while (!isOver) {
      const text = await (await fetch(url)).text();
      const value = pattern.exec(text)?.[1];
      values.push(value === undefined ? undefined : Number(value));
      await delay(20);
    }
  })();
  const stop = async () => {
    isOver = true;
    await ended;
  };
  onTestFinished(stop);
  return {
    /** Each value that was seen, in the order of its first coming. */
    async stop() {
      await stop();
      return values.filter((value, index) => index === 0 || value !== values[index - 1]);
    },
    /** Resolves once this is the value. */
    async until(value: number | undefined) {
      while (!isOver && values.at(-1) !== value) await delay(20);
    },
  };
}
