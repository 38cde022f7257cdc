/** Pages of the documentation, as far as they can be run. */
import { globSync, readFileSync } from "node:fs";

/** What stands between two fences. */
export interface Block {
  language: string;
  text: string;
}

/** What a page says that a command prints. */
export interface PrintedAnswer {
  /** With `curl -i`: the status line and headers. */
  head?: readonly string[];
  text: string;
}

/** What a reader does, in the order of the page. */
export type Step =
  /** Saves a configuration, and starts the gateway. */
  | { kind: "configuration"; text: string }
  /** Types commands, of which the last one prints the answer. */
  | { kind: "commands"; text: string; answer?: PrintedAnswer };

/** Paths, from the repository's folder. */
export function pagesIn(pattern: string): string[] {
  return globSync(pattern).sort();
}

export function readPage(path: string): string {
  return readFileSync(path, "utf8");
}

/** Every fenced block, without the indentation of its list. */
export function blocksOf(page: string): Block[] {
  const fences = page.matchAll(/^( *)```(\w*)[^\n]*\n(.*?)^\1```$/gms);
  return [...fences].map(([, indent = "", language = "", text = ""]) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** Whether these are documents of the gateway, and not a part of one or another program's. */
export function isConfiguration({ language, text }: Block): boolean {
  const documents = /^apiVersion: (mqtt-otlp-gateway|connectivity\.iotoperations\.azure\.com)\//m;
  return language === "yaml" && documents.test(text);
}

/**
 * The steps of a page: its configurations, and its blocks `sh`. A block `json` or `http` right behind commands is
 * what the last of them prints. What is done elsewhere, at a broker, has blocks of other names.
 */
export function stepsOf(page: string): Step[] {
  const blocks = blocksOf(page);
  return blocks.flatMap((block, index): Step[] => {
    const { language, text } = block;
    if (isConfiguration(block)) return [{ kind: "configuration", text }];
    if (language !== "sh") return [];
    const next = blocks[index + 1];
    if (next?.language === "json") return [{ kind: "commands", text, answer: { text: next.text.trim() } }];
    if (next?.language !== "http") return [{ kind: "commands", text }];
    const [head = "", body = ""] = next.text.trim().split("\n\n", 2);
    return [{ kind: "commands", text, answer: { head: head.split("\n"), text: body } }];
  });
}
