import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTopicTree } from "../../pipeline/mapping/topic-tree.ts";
import { matchesTopicFilter } from "../../pipeline/source/topic.ts";

function matches(filters: readonly string[], topic: string): string[] {
  const tree = createTopicTree<string>();
  for (const filter of filters) tree.add(filter, filter);
  const found: string[] = [];
  tree.match(topic, (filter) => found.push(filter));
  return found;
}

describe("createTopicTree()", () => {
  it.each([
    ["a/b", ["a/b", "a/+", "+/b", "+/+", "a/#", "#", "a/b/#"], ["a", "b/b", "a/b/c", "+", "a/b/+"]],
    ["a", ["a", "+", "#", "a/#"], ["a/+", "A"]],
    ["/a", ["/a", "+/a", "/+", "#", "/#"], ["a"]],
    ["$SYS/a", ["$SYS/a", "$SYS/+", "$SYS/#"], ["#", "+/a", "+/#"]],
    ["a//b", ["a//b", "a/+/b"], ["a/b"]],
  ])("finds what matches %s, and nothing else", (topic, wanted, others) => {
    expect(matches([...wanted, ...others], topic).sort()).toEqual([...wanted].sort());
  });

  it("keeps all entries of one filter", () => {
    const tree = createTopicTree<number>();
    tree.add("a", 1);
    tree.add("a", 2);
    const found: number[] = [];
    tree.match("a", (entry) => found.push(entry));
    expect(found).toEqual([1, 2]);
  });

  it("agrees with matchesTopicFilter()", () => {
    const level = fc.constantFrom("", "a", "b", "$a");
    const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
    const filter = fc
      .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
      .map(([levels, isOpen]) => [...levels, ...(isOpen || levels.length === 0 ? ["#"] : [])].join("/"));
    fc.assert(
      fc.property(fc.uniqueArray(filter, { maxLength: 12 }), topic, (filters, name) => {
        const wanted = filters.filter((one) => matchesTopicFilter(one, name));
        expect(matches(filters, name).sort()).toEqual(wanted.sort());
      }),
      { numRuns: 1000 },
    );
  });
});
