/** An error and what caused it, outermost first. Whatever else was thrown has none. */
export function causesOf(thrown: unknown): Error[] {
  const causes = new Set<Error>();
  for (let cause = thrown; cause instanceof Error && !causes.has(cause); cause = cause.cause)
    causes.add(cause);
  return [...causes];
}
