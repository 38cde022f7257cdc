import type { UserProperty } from "../message.ts";

/** By the list, while it is there: thousands of members may ask about the properties of one message. */
const indexes = new WeakMap<readonly UserProperty[], ReadonlyMap<string, string>>();

/** The value of the last User Property of a name. */
export function userPropertyOf(list: readonly UserProperty[], name: string): string | undefined {
  let index = indexes.get(list);
  if (index === undefined) {
    index = new Map(list);
    indexes.set(list, index);
  }
  return index.get(name);
}
