import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
} from "yaml";
import type { ConfigIssue } from "../errors.ts";

/** Keys and indices that lead to a value in a document. */
export type Path = readonly PropertyKey[];

export interface ConfigFile {
  /** As the operator named it. */
  name: string;
  text: string;
}

/** One document of a file, as plain values, and where each of them stands. */
export interface ConfigDocument {
  file: string;
  value: unknown;
  /** Whether it stands in a document that holds more. */
  isPart: boolean;
  issue(path: Path, message: string): ConfigIssue;
}

/** `spec.sources[0].adapter`; a key that is no plain word stands in brackets and quotes. */
function formatPath(path: Path): string {
  const parts = path.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return /^[\w-]+$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(String(key))}]`;
  });
  return parts.join("").replace(/^\./, "");
}

/**
 * Every document of a file. A list at the top counts as that many documents; an empty document is none.
 *
 * Errors: faults of the syntax are issues, and the document that has them is left out.
 */
export function readDocuments(file: ConfigFile): { documents: ConfigDocument[]; issues: ConfigIssue[] } {
  const lineCounter = new LineCounter();
  const documents: ConfigDocument[] = [];
  const issues: ConfigIssue[] = [];
  // Pretty errors quote the source line, which may hold a secret.
  for (const parsed of parseAllDocuments(file.text, { lineCounter, prettyErrors: false })) {
    const root: Node | null = parsed.contents;
    const locate = (path: Path) => {
      const { offset, node, rest } = find(root, path, (one) => (isAlias(one) ? one.resolve(parsed) : one));
      if (offset === undefined) return undefined;
      return lineCounter.linePos(offset).line + lineWithin(node, rest);
    };
    const issue = (path: Path, message: string): ConfigIssue => ({
      file: file.name,
      line: locate(path),
      path: formatPath(path),
      message,
    });
    const faults = [...parsed.errors, ...parsed.warnings];
    for (const fault of faults) {
      const { line } = lineCounter.linePos(fault.pos[0]);
      issues.push({ file: file.name, line, path: "", message: syntaxMessage(fault.message) });
    }
    if (faults.length > 0 || root === null) continue;
    let value: unknown;
    try {
      value = parsed.toJS();
    } catch (cause) {
      issues.push(issue([], syntaxMessage(cause instanceof Error ? cause.message : String(cause))));
      continue;
    }
    if (value === null) continue;
    if (!Array.isArray(value)) {
      documents.push({ file: file.name, value, isPart: false, issue });
      continue;
    }
    for (const [index, element] of value.entries()) {
      documents.push({ ...within({ file: file.name, issue }, [index], element), isPart: false });
    }
  }
  return { documents, issues };
}

/** What stands at `prefix` of a document, as a document of its own. */
export function within(
  { file, issue }: Pick<ConfigDocument, "file" | "issue">,
  prefix: Path,
  value: unknown,
): ConfigDocument {
  return { file, value, isPart: true, issue: (path, message) => issue([...prefix, ...path], message) };
}

/** The parser's message without the piece of the source that it quotes; it writes `"quote` of a mark that is missing. */
function syntaxMessage(message: string): string {
  return `Cannot read document: ${message.replace(/["']quote$/, "quotation mark").replace(/(: | ").*$/s, "")}`;
}

interface Place {
  /** Start of the key or element at a path, or of the nearest one around it that exists. */
  offset: number | undefined;
  /** The value there. */
  node: unknown;
  /** What of the path leads on from it. */
  rest: Path;
}

function find(root: Node | null, path: Path, resolve: (node: unknown) => unknown): Place {
  let place: Place = { offset: root?.range?.[0], node: root, rest: path };
  for (const key of path) {
    const inner = step(resolve(place.node), key);
    if (inner === undefined) break;
    const rest = place.rest.slice(1);
    place = { offset: inner.start?.range?.[0] ?? place.offset, node: inner.node, rest };
  }
  return place;
}

/** The value of a key or the element of a list, and what it begins with. */
function step(parent: unknown, key: PropertyKey): { start: Node | undefined; node: unknown } | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return isNode(pair?.key) ? { start: pair.key, node: pair.value } : undefined;
  }
  if (!isSeq(parent) || typeof key !== "number") return undefined;
  const node = parent.items[key];
  return node === undefined ? undefined : { start: isNode(node) ? node : undefined, node };
}

/** How many lines below the key of a block of text the place is that a path leads to in the JSON of the block. */
function lineWithin(node: unknown, path: Path): number {
  if (path.length === 0 || !isScalar(node) || node.type !== "BLOCK_LITERAL") return 0;
  const lineCounter = new LineCounter();
  const { contents, errors } = parseDocument(String(node.value), { lineCounter, prettyErrors: false });
  const { offset } = find(contents, path, (one) => one);
  return offset === undefined || errors.length > 0 ? 0 : lineCounter.linePos(offset).line;
}
