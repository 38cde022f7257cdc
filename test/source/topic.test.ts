import { describe, expect, it } from "vitest";
import {
  coversTopicFilter,
  isTopicFilter,
  isTopicName,
  matchesTopicFilter,
  topicFiltersOverlap,
} from "../../pipeline/source/topic.ts";

const longest = "a".repeat(65_535);

describe("isTopicName()", () => {
  it.each(["a", "/", "a/b", "/a/", "$SYS/x", "ü/😀", " ", longest, "ü".repeat(32_767)])(
    "takes %.20s",
    (topic) => {
      expect(isTopicName(topic)).toBe(true);
    },
  );

  it.each(["", "a/+", "#", "a+b", "a\0b", "\ud800", `${longest}a`, "ü".repeat(32_768), "€".repeat(21_846)])(
    "refuses %.20s",
    (topic) => {
      expect(isTopicName(topic)).toBe(false);
    },
  );
});

describe("isTopicFilter()", () => {
  it.each(["#", "+", "a", "a/#", "+/+", "/#", "+/a/#", "a//b", "$SYS/#"])("takes %s", (filter) => {
    expect(isTopicFilter(filter)).toBe(true);
  });

  it.each(["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+", "##", "++", "a\0", `${longest}a`])(
    "refuses %.20s",
    (filter) => {
      expect(isTopicFilter(filter)).toBe(false);
    },
  );
});

describe("matchesTopicFilter()", () => {
  it.each([
    ["#", "a"],
    ["#", "a/b/c"],
    ["#", "/"],
    ["+", "a"],
    ["a/b", "a/b"],
    ["a/#", "a"],
    ["a/#", "a/b/c"],
    ["a/+", "a/"],
    ["a/+", "a/b"],
    ["+/+", "/a"],
    ["/+", "/a"],
    ["+/b/#", "a/b"],
    ["a/+/c", "a//c"],
    ["$SYS/#", "$SYS/x"],
    ["$SYS/+/b", "$SYS/a/b"],
    ["a/#", "a/$b"],
  ])("%s matches %s", (filter, topic) => {
    expect(matchesTopicFilter(filter, topic)).toBe(true);
  });

  it.each([
    ["+", "/a"],
    ["+", "a/b"],
    ["a", "a/"],
    ["a/", "a"],
    ["a/b", "a"],
    ["a/+", "a"],
    ["a/+", "a/b/c"],
    ["a/#", "ab"],
    ["a/b/#", "a"],
    ["a", "A"],
    ["#", "$SYS/x"],
    ["+/x", "$SYS/x"],
    ["+", "$SYS"],
  ])("%s does not match %s", (filter, topic) => {
    expect(matchesTopicFilter(filter, topic)).toBe(false);
  });

  it("looks at no more levels of a topic than its filter has, whatever the sender wrote", () => {
    const topic = `plant${"/".repeat(65_530)}`;
    let matches = 0;
    for (let i = 0; i < 100_000; i++) if (matchesTopicFilter("plant/+/state", topic)) matches += 1;
    expect(matches).toBe(0);
  });
});

describe("topicFiltersOverlap()", () => {
  const levels = ["a", "b", "", "$x", "+", "#"];
  const texts = [1, 2, 3].flatMap((count) =>
    levels.flatMap((first) =>
      count === 1
        ? [first]
        : levels.flatMap((second) =>
            count === 2 ? [`${first}/${second}`] : levels.map((third) => `${first}/${second}/${third}`),
          ),
    ),
  );
  const filters = texts.filter(isTopicFilter);
  // The empty one is a topic to both filters, though no message can have it.
  const topics = ["", ...texts.filter(isTopicName)];

  it("says of any two filters whether there is a topic that both match", () => {
    const matched = new Map(
      filters.map((filter) => [filter, topics.filter((topic) => matchesTopicFilter(filter, topic))]),
    );
    for (const a of filters) {
      const ofA = new Set(matched.get(a));
      const wrong = filters.filter(
        (b) => topicFiltersOverlap(a, b) !== (matched.get(b) ?? []).some((topic) => ofA.has(topic)),
      );
      expect({ a, wrong }).toEqual({ a, wrong: [] });
    }
  });

  it.each([
    ["plant/#", "plant/+/state", true],
    ["plant/#", "plant", true],
    ["+/state", "plant/+", true],
    ["#", "$SYS/#", false],
    ["+/x", "$SYS/x", false],
    ["plant/+", "plant/+/state", false],
    ["a/b", "a/c", false],
  ])("says of %s and %s: %s, whichever comes first", (a, b, isOverlap) => {
    expect([topicFiltersOverlap(a, b), topicFiltersOverlap(b, a)]).toEqual([isOverlap, isOverlap]);
  });
});

describe("coversTopicFilter()", () => {
  it.each([
    ["#", "a"],
    ["#", "a/#"],
    ["#", "+/+"],
    ["a/#", "a"],
    ["a/#", "a/#"],
    ["a/#", "a/+/b"],
    ["a/+", "a/b"],
    ["+/b", "+/b"],
    ["a", "a"],
    ["$SYS/#", "$SYS/a"],
  ])("%s covers %s", (wide, narrow) => {
    expect(coversTopicFilter(wide, narrow)).toBe(true);
  });

  it.each([
    ["a", "#"],
    ["a", "+"],
    ["a/+", "a/#"],
    ["a/+", "a"],
    ["a/+", "a/b/c"],
    ["a/b", "a/+"],
    ["a/b/#", "a/+/c"],
    ["+/b", "a/+"],
    ["a", "a/b"],
    ["a/b", "a"],
    ["#", "$SYS/a"],
    ["+/a", "$SYS/a"],
  ])("%s does not cover %s", (wide, narrow) => {
    expect(coversTopicFilter(wide, narrow)).toBe(false);
  });
});
