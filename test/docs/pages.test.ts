import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { adapterNames } from "../../pipeline/config/adapters.ts";
import { blocksOf, isConfiguration, type PrintedAnswer, pagesIn, readPage, stepsOf } from "./page.ts";
import { type Answer, createReader } from "./reader.ts";
import { commandsIn } from "./shell.ts";

const brokerPages = pagesIn("docs/brokers/*.md");
/** Those that lead from nothing to messages that arrive. */
const guides = [...brokerPages, ...pagesIn("docs/hosts/*.md")].filter(
  (path) => stepsOf(readPage(path)).length > 0,
);
const pages = [...pagesIn("docs/**/*.md"), ...pagesIn("*.md")];

/** Warnings that a page tells of, and those of files that a reader has and a test has not. */
const expectedWarnings = [
  /^Secrets of sources? .+ arrive without TLS on 0\.0\.0\.0, unless a proxy with TLS stands before it$/,
  /^Certificates cannot be found: /,
  /^Secret cannot be found: file \/run\/credentials\//,
];

function unexpectedWarnings(text: string): string[] {
  const [, warnings = ""] = text.split("\nWarnings\n");
  const lines = warnings.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !expectedWarnings.some((expected) => expected.test(line)));
}

/** Headers that the page leaves out may be there. */
function expectWhole({ status, headers, body }: Answer, { head, text }: PrintedAnswer) {
  const [statusLine = "", ...lines] = head ?? [];
  const printed = lines.map((line) => /^(.*?): (.*)$/.exec(line)?.slice(1) ?? [line]);
  const met = printed.map(([name = ""]) => [name, headers.get(name)]);
  expect([Number(statusLine.split(" ")[1]), met, text]).toEqual([status, printed, body]);
}

function expectAnswer(run: { output: string; answers: readonly Answer[] }, printed: PrintedAnswer) {
  const last = run.answers.at(-1);
  const isWhole = run.output.startsWith("HTTP/");
  expect(isWhole).toBe(printed.head !== undefined);
  if (isWhole && last) return expectWhole(last, printed);
  expect(run.output.trim()).toBe(printed.text);
  const { status = 200 } = JSON.parse(printed.text) as { status?: number };
  if (last) expect(last.status).toBe(status);
}

describe("the pages of docs/brokers", () => {
  it("have one for each adapter", () => {
    const texts = brokerPages.map(readPage).join();
    const used = [...texts.matchAll(/adapter: ([\w-]+)/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(adapterNames));
  });

  it("are all linked from the first one, and it from the README", () => {
    const first = readPage("docs/brokers/README.md");
    const names = brokerPages.map((path) => path.slice("docs/brokers/".length));
    expect(names.filter((name) => name !== "README.md" && !first.includes(`](${name})`))).toEqual([]);
    expect(readPage("README.md")).toContain("](docs/brokers/README.md)");
  });

  it.each(brokerPages.filter((path) => !path.endsWith("/README.md")))("%s: a message arrives", (path) => {
    const answers = stepsOf(readPage(path)).flatMap((step) =>
      step.kind === "commands" && step.answer ? [step.answer.text] : [],
    );
    expect(answers.join("\n")).toMatch(/"accepted":1|"received":1/);
  });
});

describe("every page", () => {
  it.each(guides)("%s: commands do what it says, and configurations have no other warnings", async (path) => {
    const reader = createReader();
    for (const step of stepsOf(readPage(path))) {
      if (step.kind === "configuration") {
        const { status, text } = await reader.configure(step.text);
        expect([status, unexpectedWarnings(text)], text).toEqual([0, []]);
        await reader.start();
        continue;
      }
      const run = await reader.run(step.text);
      const unasked = step.answer ? run.answers.slice(0, -1) : run.answers;
      expect(unasked.filter(({ status }) => status !== 200)).toEqual([]);
      if (step.answer) expectAnswer(run, step.answer);
    }
  });

  const others = pages.filter((path) => !guides.includes(path) && curlsIn(readPage(path)).length > 0);
  it.each(others)("%s: each curl gets its 200", async (path) => {
    const reader = createReader();
    await reader.configure("");
    await reader.start();
    for (const curl of curlsIn(readPage(path))) {
      const { answers } = await reader.run(curl);
      expect(answers.map(({ status, body }) => [status, body])).toEqual([[200, expect.any(String)]]);
    }
  });

  it.each(pages)("%s leads nowhere that is not there", (path) => {
    const links = readPage(path).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
    const broken = [...links].filter(([, file = "", anchor]) => {
      const target = file === "" ? path : join(dirname(path), file);
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(readPage(target)).includes(anchor));
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it("has no configuration that cannot be used", async () => {
    const reader = createReader();
    for (const path of pages.filter((path) => !guides.includes(path))) {
      for (const { text } of blocksOf(readPage(path)).filter(isConfiguration)) {
        const checked = await reader.configure(text);
        expect(checked.status, `${path}: ${checked.text}`).toBe(0);
      }
    }
  });
});

function curlsIn(page: string): string[] {
  const commands = blocksOf(page).flatMap(({ language, text }) =>
    language === "sh" ? commandsIn(text) : [],
  );
  return commands.filter((command) => command.startsWith("curl "));
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = page.replaceAll(/^```.*?^```$/gms, "").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
