import type { Refusal } from "./format.ts";

/** Longest piece of a payload that a refusal quotes. */
const quotedCharsMax = 40;

/** A payload is refused. Thrown and caught inside this folder; its path grows from the inside out. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** Refuse `what`, which stands at `path` within the value that is being read. */
export function refuse(what: string, options: { path?: string; met: string; wanted: string }): never {
  const message = `Cannot read ${what}: met ${options.met}, wanted ${options.wanted}`;
  throw new Refused({ path: options.path ?? "", message });
}

/** What `read` gives; a refusal in it gets `path` in front of its own. */
export function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw inside(path, error);
  }
}

/** Each element of the array at `path`, read. */
export function readEach<T>(path: string, value: unknown, read: (element: unknown) => T): T[] {
  if (!Array.isArray(value)) refuse(path, { path, met: met(value), wanted: "an array" });
  let at = 0;
  try {
    return value.map((element, index) => {
      at = index;
      return read(element);
    });
  } catch (error) {
    throw inside(`${path}[${at}]`, error);
  }
}

/** The members of a JSON object. */
export function readObject(what: string, value: unknown, wanted = "an object"): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return refuse(what, { met: met(value), wanted });
}

function inside(parent: string, error: unknown): unknown {
  if (!(error instanceof Refused)) return error;
  const { path, message } = error.refusal;
  return new Refused({ path: path === "" ? parent : `${parent}.${path}`, message });
}

/** A value of a payload in a few words: its type, a number as it is, a string only where `quote` asks for it. */
export function met(value: unknown, { quote = false } = {}): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return quote ? shortened(JSON.stringify(value)) : value === "" ? "an empty string" : "a string";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return shortened(String(value));
  }
}

function shortened(text: string): string {
  return text.length <= quotedCharsMax ? text : `${text.slice(0, quotedCharsMax)}…`;
}
