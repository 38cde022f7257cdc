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
import type { MqttMessage } from "./message.ts";

export interface Template {
  /** Whether it gives the same text for every message. */
  isStatic: boolean;
  /** The text for a message; undefined when a placeholder has no value there, or an empty one. */
  resolve(message: MqttMessage): string | undefined;
}

type Part = (message: MqttMessage) => string | undefined;

const wanted = `\${topic}, \${topic.N} from 1, \${clientId}, \${messageId} or \${userProperty.NAME}`;

/** The template that a text is; `fault` names the placeholders wanted and the one met. */
export function parseTemplate(text: string): Template | { fault: string } {
  const parts: Part[] = [];
  let isStatic = true;
  for (const piece of text.split(/(\$\{[^}]*\}?)/)) {
    if (piece === "") continue;
    if (!piece.startsWith("${")) {
      parts.push(() => piece);
      continue;
    }
    const part = piece.endsWith("}") ? parsePlaceholder(piece.slice(2, -1)) : undefined;
    if (part === undefined) return { fault: `Wanted ${wanted}, met ${piece}` };
    parts.push(part);
    isStatic = false;
  }
  return { isStatic, resolve: (message) => join(parts, message) };
}

function join(parts: readonly Part[], message: MqttMessage): string | undefined {
  let text = "";
  for (const part of parts) {
    const value = part(message);
    if (!value) return undefined;
    text += value;
  }
  return text || undefined;
}

function parsePlaceholder(name: string): Part | undefined {
  if (name === "topic") return ({ topic }) => topic;
  if (name === "clientId") return ({ clientId }) => clientId;
  if (name === "messageId") return ({ messageId }) => messageId;
  const [, level] = /^topic\.([1-9]\d{0,4})$/.exec(name) ?? [];
  if (level !== undefined) return ({ topic }) => topic.split("/")[Number(level) - 1];
  const [, property] = /^userProperty\.(.+)$/s.exec(name) ?? [];
  if (property === undefined) return undefined;
  return ({ userProperties }) => userProperties.findLast(([key]) => key === property)?.[1];
}
