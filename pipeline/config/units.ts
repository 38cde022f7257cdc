/** Seconds as documents have them, as milliseconds without a fraction. */
export function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}
