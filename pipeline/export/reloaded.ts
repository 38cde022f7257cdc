import type { Clock } from "../clock.ts";
import { errorCode } from "../errors.ts";
import { type FileSource, readMountedFiles } from "./mounted-files.ts";
import { MaterialError } from "./pem.ts";

/** A changed file is noticed at the first use after this. */
export const checkIntervalMs = 5000;

export interface Reloaded<T> {
  /** What is in use, the same object until it is replaced; undefined while nothing was fit for use. */
  readonly value: T | undefined;
  /** Why what the files hold now is not in use. */
  readonly fault: string | undefined;
}

/**
 * What files hold, read again when they change: checked as a whole first, and only then put in the place of what
 * was there before. What cannot be used leaves the older content in use, and is tried again at each check, because a
 * certificate may only become valid by and by.
 */
export function createReloaded<T>(options: {
  source: FileSource;
  /** What they are for, as in "the files of the client certificate". */
  purpose: string;
  /** Errors: MaterialError when the files cannot be used. */
  parse: (files: ReadonlyMap<string, string>, nowUs: number) => T;
  clock: Clock;
}): { current(): Reloaded<T> } {
  const { source, purpose, parse, clock } = options;
  let current: Reloaded<T> = { value: undefined, fault: undefined };
  let version: string | undefined;
  let checkAtMs = Number.NEGATIVE_INFINITY;

  function refresh(): Reloaded<T> {
    try {
      const reading = readMountedFiles(source, version);
      if (reading === undefined) return { value: current.value, fault: undefined };
      const value = parse(reading.files, clock.nowUs());
      version = reading.version;
      return { value, fault: undefined };
    } catch (error) {
      if (error instanceof MaterialError) return { value: current.value, fault: error.message };
      const code = errorCode(error) ?? "unknown error";
      return {
        value: current.value,
        fault: `Cannot read the files of the ${purpose} (${code}): check that they are mounted and readable`,
      };
    }
  }

  return {
    current() {
      const nowMs = clock.monotonicMs();
      if (nowMs >= checkAtMs) {
        checkAtMs = nowMs + checkIntervalMs;
        current = refresh();
      }
      return current;
    },
  };
}
