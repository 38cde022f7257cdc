/**
 * Templates of names and attributes: those of messages (attribute-template.ts), and
 *
 * ```
 * ${key}           name or index of the member, in a rule with `each`
 * ${payload.PATH}  text, number, true or false there
 * ```
 */
import { messagePart, type Part, parseTemplateOf, type Template } from "../attribute-template.ts";
import { type PathStart, parseRulePath, readerOf } from "./rule-path.ts";
import { Missing, type Scope } from "./scope.ts";

export type ItemTemplate = Template<Scope>;

/** The template that a text is, with paths that start there; `fault` says what was met and what was wanted. */
export function parseItemTemplate(text: string, start: PathStart): ItemTemplate | { fault: string } {
  return parseTemplateOf(text, {
    wanted: `\${topic}, \${topic.N} from 1, \${key}, \${clientId}, \${messageId}, \${userProperty.NAME} or \${payload.PATH}`,
    parse(name) {
      if (name === "key") return ({ key }) => key;
      if (name.startsWith("payload.")) return payloadPart(name.slice("payload.".length), start);
      const part = messagePart(name);
      return part && (({ message }) => part(message));
    },
  });
}

function payloadPart(text: string, start: PathStart): Part<Scope> | { fault: string } {
  const parsed = parseRulePath(text);
  if ("faults" in parsed) return { fault: parsed.faults.map(({ message }) => message).join("; ") };
  if (parsed.afterWildcard !== undefined) return { fault: `Wanted a path without an asterisk, met ${text}` };
  const path = readerOf(parsed, start);
  return (scope) => {
    const value = path.read(scope);
    return value instanceof Missing ? undefined : asText(value);
  };
}

/** Undefined for an object and an array, which have no text of their own. */
function asText(value: unknown): string | undefined {
  return typeof value === "object" ? undefined : String(value);
}
