import type { Burial, DeadLetter } from "./batch-store.ts";

type Buried = Pick<DeadLetter, "reason" | "path" | "detail" | "possiblyDelivered"> & {
  message: { source: string; topic: string };
};

/** What one write buried: for each source and reason the first dead letter, and how many there are. */
export function createBurials() {
  // Most writes bury nothing.
  let burials: Map<string, Burial> | undefined;
  return {
    /** `id`: undefined when the quota of dead letters has no room for it. */
    add(id: number | undefined, letter: Buried) {
      const { message, reason, path, detail, possiblyDelivered } = letter;
      const { source, topic } = message;
      const key = `${reason}/${source}`;
      burials ??= new Map();
      const burial = burials.get(key);
      if (burial) burial.count += 1;
      else burials.set(key, { id, source, topic, reason, path, detail, possiblyDelivered, count: 1 });
    },
    list: (): readonly Burial[] => [...(burials?.values() ?? [])],
  };
}
