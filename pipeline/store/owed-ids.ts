import type { Owed } from "./batch-store.ts";

/** What lanes owe of one request: for each set of lanes that owe the same messages, the newest of these. */
export function createOwedIds() {
  const newest = new Map<number, number>();
  return {
    add(lanes: number, id: number) {
      if (lanes > 0 && id > (newest.get(lanes) ?? 0)) newest.set(lanes, id);
    },
    list: (): readonly Owed[] => Array.from(newest, ([lanes, id]) => ({ lanes, id })),
  };
}
