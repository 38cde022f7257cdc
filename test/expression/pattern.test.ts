import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExpressionError } from "../../pipeline/expression/fault.ts";
import { patternFault, patternOf } from "../../pipeline/expression/pattern.ts";
import { resultCharsMax } from "../../pipeline/expression/text.ts";
import { Refused } from "../../pipeline/payload/refused.ts";
import { Work } from "../../pipeline/payload/work.ts";

const matches = (text: string, pattern: string, work = new Work()) =>
  patternOf(pattern).matches("here", text, work);
const replace = (text: string, pattern: string, replacement: string, work = new Work()) =>
  patternOf(pattern).replace("here", text, replacement, work);

/** Patterns that take a backtracking engine, or one that reads on behind each match, long; with the worst of texts. */
const nasty: readonly (readonly [string, string])[] = [
  ["(a*)*b", "a"],
  ["(a|aa)+$", "aaaaaaab"],
  ["(x+x+)+y", "x"],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a"],
  ["(.*)(.*)(.*)(.*)(.*)[a-z]{500}0", "a"],
  ["(?:a?){300}a{300}", "a"],
  ["a.*b|a", "a"],
  ["(a).*(b)|a", "a"],
  ["\\pL{900}b|\\pL", "ä"],
  ["(?:a|b)*a(?:a|b){15}c", "abbabaab"],
  ["(?i)(?:k|ſ)*k.{300}c$", "kK\u212aſk"],
];

describe("patterns", () => {
  it.each(nasty)("%s ends soon, whatever the text", (pattern, text) => {
    expect(patternFault(pattern)).toBeUndefined();
    const long = text.repeat(resultCharsMax / text.length);
    const begun = process.cpuUsage();
    for (const ask of [() => matches(long, pattern), () => replace(long, pattern, "$1-")]) {
      try {
        ask();
      } catch (error) {
        if (!(error instanceof ExpressionError || error instanceof Refused)) throw error;
      }
    }
    // A backtracking engine takes years for the first ones.
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(10_000);
  });

  it("are refused soon when they would take much memory", () => {
    const begun = process.cpuUsage();
    expect(patternFault("\\pL{1000}".repeat(113))).toContain("of 113002 steps, wanted at most 1000");
    expect(patternFault(`${"(".repeat(200)}a${"{2})".repeat(200)}`)).toContain("invalid repeat count");
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(5000);
  });

  it("are not matched with a text that is too long", () => {
    const long = "a".repeat(100_000);
    const message = "Cannot calculate here: met a text of 100000 characters, wanted at most 65536";
    expect(() => matches(long, "b")).toThrow(new ExpressionError(message));
    expect(() => replace(long, "b", "")).toThrow(new ExpressionError(message));
  });

  it("replace no more matches than one message may ask for", () => {
    expect(() => replace("a".repeat(resultCharsMax), "a.*b|a", "")).toThrow(
      "Cannot read expressions: met more than 33554432 steps in one message",
    );
    expect(replace("a".repeat(2000), "a.*b|a", "")).toBe("");
  });

  it("share what one message may ask for", () => {
    const work = new Work();
    const ask = (member: number) => matches(`${"a/".repeat(30_000)}${member}`, "^(.*)/(.*)/alarm$", work);
    const asked = () => Array.from({ length: 1000 }, (_, member) => ask(member));
    expect(asked).toThrow("met more than 33554432 steps in one message");
  });

  it("refuse a replacement that grows too long while it grows", () => {
    const text = "a".repeat(1000);
    expect(() => replace(text, "(a+)", "$1".repeat(2000))).toThrow(
      "Cannot calculate here: met a result of 66000",
    );
    expect(() => replace(text, "a", "b".repeat(70))).toThrow("Cannot calculate here: met a result of ");
  });

  it.each([
    ["abc", "b", "[$0]", "a[b]c"],
    ["ab", "(a)(b)", "$2$1", "ba"],
    ["ab", "(a)(b)", "${1}1$$", "a1$"],
    ["ab", "(?P<first>a)(?<second>b)", "$second-${first}", "b-a"],
    // The longest name counts, and a group that there is not is nothing.
    ["ab", "(a)(b)", "$1x", ""],
    ["ab", "(a)(b)", "$3${4}${__proto__}.", "."],
    ["ab", "(a)|(b)", "<$1$2>", "<a><b>"],
    ["ab", "a", "$ ${", "$ ${b"],
    ["ab", "a", "\\1&$&", "\\1&$&b"],
  ])("%s, %s replaced by %s", (text, pattern, replacement, expected) => {
    expect(replace(text, pattern, replacement)).toBe(expected);
  });

  it("replace nothing between characters, though not behind a match", () => {
    expect(replace("baac", "a*", "-")).toBe("-b-c-");
    expect(replace("🌡°", "", "-")).toBe("-🌡-°-");
    expect(replace("", "", "-")).toBe("-");
  });

  it("give the same again for a text and replacement that were the last ones", () => {
    const work = new Work();
    for (const replacement of ["x", "x", "y"]) {
      expect(replace("abc", "[ab]", replacement, work)).toBe(`${replacement}${replacement}c`);
    }
    expect(replace("aac", "[ab]", "y", work)).toBe("yyc");
    expect(["abc", "abc", "c", "abc"].map((text) => matches(text, "[ab]", work))).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it("are read or refused, whatever they are", () => {
    const piece = fc.constantFrom(
      ..."()[]{}|*+?^$.\\-:<>=!,0123456789aPpdDwbxQEä🌡",
      "(?:",
      "(?i)",
      "[^",
      "{2,",
      "\\p{",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const source = pieces.join("");
        if (patternFault(source) !== undefined) return;
        matches("a1 ä🌡\n", source);
        replace("a1 ä🌡\n", source, "$1-$0");
      }),
      { numRuns: 2000 },
    );
    for (const deep of [
      "(".repeat(512) + ")".repeat(512),
      "[".repeat(1024),
      "a|".repeat(512),
      `${"(?:a*)".repeat(170)}`,
    ]) {
      expect(() => patternFault(deep)).not.toThrow();
    }
  });

  it("read a long text once that is asked about for each of thousands of members", () => {
    const long = "ä".repeat(resultCharsMax);
    const work = new Work();
    const begun = process.cpuUsage();
    for (let member = 0; member < 20_000; member++) {
      expect(matches(long, "\\pL{200}0", work)).toBe(false);
      expect(replace(long, "\\pL{200}0", "", work)).toBe(long);
    }
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(10_000);
  });

  it("ask anew for each message, so that what one may ask for does not depend on others", () => {
    const long = "a".repeat(resultCharsMax);
    const outcome = () => {
      const work = new Work();
      const ask = (pattern: string) => matches(long, pattern, work);
      try {
        return ["b{200}", "c{200}", "d{200}"].map(ask);
      } catch (error) {
        return String(error);
      }
    };
    const first = outcome();
    expect(first).toContain("met more than 33554432 steps");
    expect(outcome()).toBe(first);
  });

  it("find and replace what JavaScript's own do", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "(a|b)", "(?:ab)", "ä");
    const part = fc.tuple(atom, fc.constantFrom("", "+", "{1,3}", "+?")).map(([one, often]) => one + often);
    const pattern = fc
      .tuple(
        fc.constantFrom("", "^"),
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("", "$"),
      )
      .map(([begin, parts, end]) => begin + parts.join("") + end);
    const text = fc.string({ unit: fc.constantFrom("a", "b", "ä", "1", "🌡", "\n"), maxLength: 30 });
    fc.assert(
      fc.property(pattern, pattern, text, (one, other, subject) => {
        const either = `${one}|${other}`;
        const own = new RegExp(either, "gu");
        expect(matches(subject, either)).toBe(new RegExp(either, "u").test(subject));
        expect(replace(subject, either, "<$0>")).toBe(subject.replace(own, "<$&>"));
      }),
    );
  });
});
