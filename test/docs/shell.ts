/**
 * As much of a POSIX shell as the commands of the documentation need: quotes, variables, command substitution, pipes,
 * and output into a file. Programs are functions, so that nothing has to be installed.
 *
 * Source: POSIX.1-2017, Shell Command Language, 2.2, 2.6 and 2.9.
 */

/** Gets its arguments and its input, and gives what it prints. */
export type Program = (args: string[], input: string) => string | Promise<string>;

export interface Shell {
  programs: Readonly<Record<string, Program>>;
  variables: Map<string, string>;
  /** For `>`. */
  writeFile(path: string, text: string): void;
}

/** Run commands, one a line. Resolves with what each of them printed. Errors: what the shell or a program cannot do. */
export async function runCommands(text: string, shell: Shell): Promise<string[]> {
  const outputs: string[] = [];
  for (const command of commandsIn(text)) outputs.push(await runPipeline(command, shell));
  return outputs;
}

/** Each command on one line, without remarks. */
export function commandsIn(text: string): string[] {
  return splitAt(text.replaceAll("\\\n", ""), "\n").filter((command) => !/^\s*(#.*)?$/.test(command));
}

async function runPipeline(command: string, shell: Shell): Promise<string> {
  let output = "";
  for (const part of splitAt(command, "|")) output = await runSimple(part, output, shell);
  return output;
}

async function runSimple(command: string, input: string, shell: Shell): Promise<string> {
  const [text = "", file] = splitAt(command, ">");
  const words = splitAt(text.trim(), " ").filter((word) => word !== "");
  const assignment = /^([A-Za-z_]\w*)=(.*)$/s.exec(words[0] ?? "");
  if (assignment && words.length === 1) {
    shell.variables.set(assignment[1] ?? "", await expand(assignment[2] ?? "", shell));
    return "";
  }
  const [name = "", ...args] = await Promise.all(words.map((word) => expand(word, shell)));
  const program = Object.hasOwn(shell.programs, name) ? shell.programs[name] : undefined;
  if (program === undefined) throw new Error(`Cannot run ${name}: no such program here`);
  const output = await program(args, input);
  if (file === undefined) return output;
  shell.writeFile(await expand(file.trim(), shell), output);
  return "";
}

/** The text between separators that stand outside of quotes and substitutions. */
function splitAt(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "'" || char === '"') at = endOfQuote(text, at);
    else if (text.startsWith("$(", at)) at = endOfSubstitution(text, at);
    else if (char === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** A word's value, without its quotes. */
async function expand(word: string, shell: Shell): Promise<string> {
  let value = "";
  let isQuoted = false;
  for (let at = 0; at < word.length; at++) {
    const char = word[at] as string;
    if (char === "'" && !isQuoted) {
      const end = endOfQuote(word, at);
      value += word.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      isQuoted = !isQuoted;
    } else if (char === "\\") {
      at += 1;
      value += word[at] ?? "";
    } else if (word.startsWith("$(", at)) {
      const end = endOfSubstitution(word, at);
      value += (await runPipeline(word.slice(at + 2, end), shell)).replace(/\n+$/, "");
      at = end;
    } else if (char === "$") {
      const name = /^\w+/.exec(word.slice(at + 1))?.[0] ?? "";
      value += shell.variables.get(name) ?? "";
      at += name.length;
    } else {
      value += char;
    }
  }
  return value;
}

function endOfQuote(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === quote) return at;
    if (quote === "'") continue;
    if (text[at] === "\\") at += 1;
    else if (text.startsWith("$(", at)) at = endOfSubstitution(text, at);
  }
  throw new Error(`Cannot read ${text}: a quote is not closed`);
}

function endOfSubstitution(text: string, start: number): number {
  for (let at = start + 2; at < text.length; at++) {
    const char = text[at];
    if (char === ")") return at;
    if (char === "'" || char === '"') at = endOfQuote(text, at);
    else if (text.startsWith("$(", at)) at = endOfSubstitution(text, at);
  }
  throw new Error(`Cannot read ${text}: a substitution is not closed`);
}
