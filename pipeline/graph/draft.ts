import { refuse } from "../payload/refused.ts";

type Container = unknown[] | Record<string, unknown>;

/** JSON that is being put together, partly from JSON of others, which stays as it is. */
export class Draft {
  #root: unknown;
  /** Those that were made here, and are not shared. */
  readonly #own = new Set<object>();

  constructor(root: unknown) {
    this.#root = root;
  }

  get value(): unknown {
    return this.#root;
  }

  /**
   * Write a value, and the objects on the way there. What is no object or array gives way.
   *
   * Errors: Refused when an array has no element of that name.
   */
  put(segments: readonly string[], value: unknown): void {
    const last = segments.at(-1);
    if (last === undefined) this.#root = value;
    else write(this.#reach(segments.slice(0, -1)), last, value);
  }

  /** Leave out what stands there, if anything does. In an array the others keep their places: it becomes null. */
  remove(segments: readonly string[]): void {
    let found = this.#root;
    for (const name of segments) found = member(found, name);
    const last = segments.at(-1);
    if (last === undefined || found === undefined) return;
    const container = this.#reach(segments.slice(0, -1));
    if (Array.isArray(container)) write(container, last, null);
    else delete container[last];
  }

  /** The object or array there, made when there is none. */
  #reach(names: readonly string[]): Container {
    let container = this.#owned(this.#root);
    this.#root = container;
    for (const name of names) {
      const inner = this.#owned(member(container, name));
      write(container, name, inner);
      container = inner;
    }
    return container;
  }

  #owned(value: unknown): Container {
    if (isContainer(value) && this.#own.has(value)) return value;
    const copy: Container = Array.isArray(value) ? [...value] : isContainer(value) ? { ...value } : {};
    this.#own.add(copy);
    return copy;
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Own members only. */
function member(container: unknown, name: string): unknown {
  if (!isContainer(container) || !Object.hasOwn(container, name)) return undefined;
  return (container as Record<string, unknown>)[name];
}

function write(container: Container, name: string, value: unknown): void {
  if (Array.isArray(container) && !(/^(?:0|[1-9]\d{0,9})$/.test(name) && Number(name) <= container.length)) {
    refuse("output", {
      path: name,
      met: "an array",
      wanted: `the number of an element up to ${container.length}`,
    });
  }
  // An assignment would set the prototype.
  if (name !== "__proto__") (container as Record<string, unknown>)[name] = value;
  else
    Object.defineProperty(container, name, { value, writable: true, enumerable: true, configurable: true });
}
