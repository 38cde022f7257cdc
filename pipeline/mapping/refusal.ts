import type { Refusal } from "../payload/format.ts";
import { Refused, refuse } from "../payload/refused.ts";
import type { Missing } from "./scope.ts";

/** What `read` gives; a refusal in it is one of what stands at `path` in the payload. */
export function at<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof Refused ? new Refused({ path, message: error.refusal.message }) : error;
  }
}

/** What `read` gives; a refusal in it names the rule. */
export function byRule<Result>(rule: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { path, message } = error.refusal;
    throw new Refused({ path, message: `${message} (${rule})` });
  }
}

/** Refuse a message for what is not in it. */
export function refuseMissing({ path }: Missing): never {
  return refuse(path === "" ? "payload" : path, { path, met: "nothing", wanted: "a value" });
}

/** Longest path that a refusal tells: the names in it are a sender's. */
const pathCharsMax = 256;

/** A refusal that is stored and logged, whatever the names of members are. */
export function bounded({ path, message }: Refusal): Refusal {
  if (path.length <= pathCharsMax) return { path, message };
  const shown = `${path.slice(0, pathCharsMax)}…`;
  return { path: shown, message: message.replace(path, () => shown) };
}
