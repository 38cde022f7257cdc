import { met, refuse } from "./refused.ts";

/**
 * The string at `path`. One with half a surrogate pair cannot be encoded, so that two of them could become one.
 * Source: Protocol Buffers, "Scalar Value Types": a string is UTF-8.
 */
export function readText(path: string, value: unknown): string {
  if (typeof value !== "string") refuse(path, { path, met: met(value), wanted: "a string" });
  if (!value.isWellFormed()) {
    refuse(path, { path, met: "a string with half a surrogate pair", wanted: "Unicode text" });
  }
  return value;
}

/** The string at `path`, which is not empty. */
export function readName(path: string, value: unknown): string {
  if (value === "") refuse(path, { path, met: met(value), wanted: "a string that is not empty" });
  return readText(path, value);
}
