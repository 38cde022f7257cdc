import type { Path } from "./documents.ts";

/** What is written at `path`, whether or not a schema accepts it; undefined when there is nothing. */
export function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

export function textAt(value: unknown, path: Path): string | undefined {
  const found = at(value, path);
  return typeof found === "string" ? found : undefined;
}

export function listAt(value: unknown, path: Path): unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}
