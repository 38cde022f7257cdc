/**
 * Binary content mode: the body is the event's data, and its attributes stand in headers `ce-…`.
 *
 * Source: CloudEvents 1.0, "HTTP Protocol Binding", 3.1.
 */
import type { UserProperty } from "../message.ts";
import type { WebhookRequest } from "./adapter.ts";
import { toMessage } from "./cloudevents-message.ts";
import { type Faulty, faultAt, type Sound } from "./elements.ts";
import { fromLatin1, percentDecoded } from "./header-text.ts";

const prefix = "ce-";

/** Whether the headers are those of an event, complete or not. */
export function hasEventHeaders(headers: Headers): boolean {
  return ["specversion", "id", "source", "type"].some((name) => headers.has(prefix + name));
}

/** The event of a request, whose attributes have lost their order with the headers'. */
export function readBinaryEvent({ headers, body }: WebhookRequest): Sound | Faulty {
  const attributes: UserProperty[] = [];
  for (const [header, value] of headers) {
    const name = header.slice(prefix.length);
    if (!header.startsWith(prefix) || name === "" || name === "datacontenttype") continue;
    const text = attributeText(value);
    if (text === undefined) return faultAt(header, "met another text, wanted percent-encoded UTF-8");
    attributes.push([name, text]);
  }
  return toMessage(attributes, { payload: body, contentType: headers.get("content-type") ?? undefined });
}

/** Without quotation marks and percent-encoding, in this order; a `%` that encodes nothing stays as it is. */
function attributeText(value: string): string | undefined {
  const quoted = /^"(.*)"$/.exec(value)?.[1];
  const text = fromLatin1(quoted === undefined ? value : quoted.replace(/\\(.)/g, "$1"));
  return percentDecoded(text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
}
