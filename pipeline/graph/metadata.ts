import type { Root } from "../expression/resolve.ts";
import { met, refuse } from "../payload/refused.ts";
import { isTopicName } from "../source/topic.ts";

/** What a message has besides its payload. */
export type Metadata = Root["message"];

/** Write what an output names. A value of nothing takes away what is there; of a topic there is always one. */
export function writeMetadata(
  metadata: Metadata,
  { origin, key }: { origin: "topic" | "userProperty" | "contentType"; key: string },
  value: unknown,
): void {
  const path = pathOf(origin, key);
  const text = value === undefined || value === null ? undefined : textOf(value, path);
  switch (origin) {
    case "topic":
      if (text === undefined || !isTopicName(text)) {
        refuse("a topic", {
          path,
          met: met(text, { quote: true }),
          wanted: "a Topic Name without wildcards",
        });
      }
      metadata.topic = text;
      break;
    case "contentType":
      metadata.contentType = text;
      break;
    case "userProperty":
      metadata.userProperties =
        text === undefined
          ? metadata.userProperties.filter(([name]) => name !== key)
          : [...metadata.userProperties, [key, text]];
  }
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== "object") return String(value);
  return refuse("metadata", { path, met: met(value), wanted: "a text, a number, true or false" });
}

function pathOf(origin: string, key: string): string {
  if (origin === "topic") return "$metadata.topic";
  return origin === "contentType"
    ? "$metadata.system_property.content_type"
    : `$metadata.user_property.${key}`;
}
