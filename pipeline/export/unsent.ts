import { causesOf } from "./causes.ts";

/** The receiver cannot have taken a request up; `cause` says why. */
export class UnsentError extends Error {
  override readonly name = "UnsentError";
  /** The receiver itself turned it away unread, and another connection may lead to one that takes it. */
  readonly isTurnedAway: boolean;

  constructor(cause: unknown, { isTurnedAway = false } = {}) {
    super("nothing of the request was taken up", { cause });
    this.isTurnedAway = isTurnedAway;
  }
}

/** What Deno's fetch says of a connection that did not come about, in words alone. */
const unconnected = "client error (Connect)";

/** Whether that is what went wrong, or what the error was caused by. */
export function isUnsent(error: unknown): boolean {
  return causesOf(error).some((cause) => cause instanceof UnsentError || cause.message.includes(unconnected));
}
