import { createTopicTree } from "../mapping/topic-tree.ts";
import { coversTopicFilter } from "../source/topic.ts";

/** Entries by Topic Filter, for those who look for the filters that cover another one. */
export interface Covering<Entry> {
  /** `filter` is a valid Topic Filter. */
  add(filter: string, entry: Entry): void;
  /** Calls `found` with the entries of each filter that matches every topic that this one does, in no order. */
  find(filter: string, found: (entry: Entry) => void): void;
}

/** Of many filters a few are looked at for each one. */
export function createCovering<Entry>(): Covering<Entry> {
  const tree = createTopicTree<{ filter: string; entry: Entry }>();
  return {
    add: (filter, entry) => tree.add(filter, { filter, entry }),
    find(filter, found) {
      // With levels that no filter has in place of its wildcards, it meets as a topic all that cover it, and some more.
      tree.match(filter.replaceAll(/[+#]/g, "\0"), (one) => {
        if (coversTopicFilter(one.filter, filter)) found(one.entry);
      });
    },
  };
}
