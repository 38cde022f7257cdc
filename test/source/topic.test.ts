import { describe, expect, it } from "vitest";
import { isTopicFilter, isTopicName, matchesTopicFilter } from "../../pipeline/source/topic.ts";

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
});
