import type { Burial, DeadLetter } from "./batch-store.ts";

type Buried = Pick<DeadLetter, "reason" | "path" | "detail" | "possiblyDelivered"> & {
  message: { source: string; topic: string };
};

/** What one write buried: of each source and reason the newest dead letter, the last one to go, and how many there are. */
export function createBurials() {
  // Most writes bury nothing.
  let burials: Map<string, Burial> | undefined;
  return {
    /** `id`: undefined when the quota of dead letters has no room for it. */
    add(id: number | undefined, letter: Buried) {
      const { message, reason, path, detail, possiblyDelivered } = letter;
      const { source, topic } = message;
      const key = `${reason}/${source}`;
      const count = (burials?.get(key)?.count ?? 0) + 1;
      burials ??= new Map();
      burials.set(key, { id, source, topic, reason, path, detail, possiblyDelivered, count });
    },
    list: (): readonly Burial[] => [...(burials?.values() ?? [])],
  };
}
