/**
 * Topic Filters as a tree of their levels, so that a topic meets only those that begin as it does:
 *
 * ```
 * plant/+/state  0        plant ─┬─ + ── state  {0}
 * plant/#        1               └─ #           {1}
 * ```
 */

interface Node<Entry> {
  levels: Map<string, Node<Entry>>;
  /** Entries of the filters that end here. */
  entries: Entry[];
}

/** Entries by Topic Filter. */
export interface TopicTree<Entry> {
  /** `filter` is a valid Topic Filter. */
  add(filter: string, entry: Entry): void;
  /** Calls `found` with the entries of each filter that matches the topic, in no particular order. */
  match(topic: string, found: (entry: Entry) => void): void;
}

/** Source: MQTT 5.0, 4.7. */
export function createTopicTree<Entry>(): TopicTree<Entry> {
  const root = createNode<Entry>();
  return {
    add(filter, entry) {
      let node = root;
      for (const level of filter.split("/")) {
        let next = node.levels.get(level);
        if (next === undefined) {
          next = createNode();
          node.levels.set(level, next);
        }
        node = next;
      }
      node.entries.push(entry);
    },
    match(topic, found) {
      const levels = topic.split("/");
      const walk = (node: Node<Entry>, depth: number): void => {
        const level = levels[depth];
        // A wildcard at the beginning does not stand for the broker's own topics.
        const isWild = depth > 0 || !topic.startsWith("$");
        // It stands for nothing too: the level before is the topic's last one then.
        if (isWild) node.levels.get("#")?.entries.forEach(found);
        if (level === undefined) {
          node.entries.forEach(found);
          return;
        }
        const same = node.levels.get(level);
        if (same !== undefined) walk(same, depth + 1);
        const any = isWild ? node.levels.get("+") : undefined;
        if (any !== undefined) walk(any, depth + 1);
      };
      walk(root, 0);
    },
  };
}

function createNode<Entry>(): Node<Entry> {
  return { levels: new Map(), entries: [] };
}
