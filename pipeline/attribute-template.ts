/**
 * Templates of attribute values: text with placeholders.
 *
 * ```
 * ${topic}              Topic Name
 * ${topic.N}            its level N, from 1
 * ${clientId}           Client Identifier
 * ${messageId}          the sender's own id of the message
 * ${userProperty.NAME}  User Property NAME, which may contain full stops; the last one of that name
 * ```
 */
import { userPropertyOf } from "./expression/user-property.ts";
import type { MqttMessage } from "./message.ts";

export interface Template<Context = MqttMessage> {
  /** Whether it gives the same text for every message. */
  isStatic: boolean;
  /** The text for a message; undefined when a placeholder has no value there, or an empty one. */
  resolve(context: Context): string | undefined;
}

/** What stands for a placeholder. */
export type Part<Context> = (context: Context) => string | undefined;

/** The placeholders of a kind of template. */
export interface Placeholders<Context> {
  /** For messages. */
  wanted: string;
  /** The placeholder of this name, or why there is none: of what is wanted in its place. */
  parse(name: string): Part<Context> | { fault: string } | undefined;
}

const ofMessage: Placeholders<MqttMessage> = {
  wanted: `\${topic}, \${topic.N} from 1, \${clientId}, \${messageId} or \${userProperty.NAME}`,
  parse: messagePart,
};

/** The template that a text is; `fault` names the placeholders wanted and the one met. */
export function parseTemplate(text: string): Template | { fault: string } {
  return parseTemplateOf(text, ofMessage);
}

/** As `parseTemplate`, with other placeholders. */
export function parseTemplateOf<Context>(
  text: string,
  placeholders: Placeholders<Context>,
): Template<Context> | { fault: string } {
  const parts: Part<Context>[] = [];
  let isStatic = true;
  for (const piece of text.split(/(\$\{[^}]*\}?)/)) {
    if (piece === "") continue;
    if (!piece.startsWith("${")) {
      parts.push(() => piece);
      continue;
    }
    const part = piece.endsWith("}") ? placeholders.parse(piece.slice(2, -1)) : undefined;
    if (part === undefined) return { fault: `Wanted ${placeholders.wanted}, met ${piece}` };
    if ("fault" in part) return part;
    parts.push(part);
    isStatic = false;
  }
  return { isStatic, resolve: (context) => join(parts, context) };
}

function join<Context>(parts: readonly Part<Context>[], context: Context): string | undefined {
  let text = "";
  for (const part of parts) {
    const value = part(context);
    if (!value) return undefined;
    text += value;
  }
  return text || undefined;
}

/** What a message's own placeholder stands for; undefined when it has none of this name. */
export function messagePart(name: string): Part<MqttMessage> | undefined {
  if (name === "topic") return ({ topic }) => topic;
  if (name === "clientId") return ({ clientId }) => clientId;
  if (name === "messageId") return ({ messageId }) => messageId;
  const level = Number(/^topic\.([1-9]\d{0,4})$/.exec(name)?.[1]);
  // No further than there, however many levels a sender makes up.
  if (level > 0) return ({ topic }) => topic.split("/", level)[level - 1];
  const [, property] = /^userProperty\.(.+)$/s.exec(name) ?? [];
  if (property === undefined) return undefined;
  return ({ userProperties }) => userPropertyOf(userProperties, property);
}
