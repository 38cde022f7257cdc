/**
 * The body is the payload, byte for byte; what else is known of the message stands in headers. Template engines of
 * brokers fill in the text `undefined` for a field that a message does not have, so that counts as absent.
 */
import type { UserProperty } from "../message.ts";
import type { CreateAdapter, ReadMessage, WebhookRequest } from "./adapter.ts";
import { brokenBody, expirySecondsMax, type Issue } from "./envelope.ts";
import { headerText, percentDecoded } from "./header-text.ts";
import { instantMsMax, parseInstantUs } from "./instant.ts";
import { requestTopic } from "./request-topic.ts";

/** Reads messages whose metadata stands in headers `Mqtt-…`. */
export const createRawAdapter: CreateAdapter = () => ({
  read(request) {
    const fields = new HeaderFields(request.headers);
    const message: ReadMessage = {
      topic: readTopic(fields, request),
      payload: request.body,
      qos: fields.read("Mqtt-Qos", "0, 1 or 2", parseQos),
      retain: fields.read("Mqtt-Retain", "true or false", parseBoolean),
      clientId: fields.text("Mqtt-Client-Id"),
      messageId: fields.text("Mqtt-Message-Id"),
      publishedAtUs: fields.read(
        "Mqtt-Published-At",
        "RFC 3339, or milliseconds since 1970",
        parsePublishedAt,
      ),
      messageExpiryIntervalSeconds: fields.read(
        "Mqtt-Message-Expiry-Interval",
        `an integer from 0 to ${expirySecondsMax}`,
        parseExpiry,
      ),
      contentType: fields.text("Mqtt-Content-Type"),
      userProperties:
        fields.read("Mqtt-User-Property", "name=value, both percent-encoded", parseUserProperties) ?? [],
    };
    if (fields.issues.length > 0) throw brokenBody("raw", fields.issues);
    return { elements: [{ kind: "message", message }], isArray: false };
  },
});

/** Headers by name, with a list of what could not be read. */
class HeaderFields {
  readonly issues: Issue[] = [];
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  text(name: string): string | undefined {
    return headerText(this.#headers, name);
  }

  /** What `parse` makes of a header, which gives undefined when it cannot. */
  read<T>(name: string, wanted: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.text(name);
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) this.refuse(name, "another text", wanted);
    return value;
  }

  refuse(path: string, met: string, wanted: string): void {
    this.issues.push({ path, message: `met ${met}, wanted ${wanted}` });
  }
}

function readTopic(fields: HeaderFields, request: WebhookRequest): string {
  const topic = requestTopic(request);
  if (topic) return topic;
  const met = topic === undefined ? "nothing" : "another text";
  fields.refuse("Mqtt-Topic", met, "a percent-encoded Topic Name without wildcards");
  return "";
}

function parseQos(text: string): 0 | 1 | 2 | undefined {
  return text === "0" ? 0 : text === "1" ? 1 : text === "2" ? 2 : undefined;
}

function parseBoolean(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}

function parsePublishedAt(text: string): number | undefined {
  if (!/^\d{1,13}$/.test(text)) return parseInstantUs(text);
  return Number(text) <= instantMsMax ? Number(text) * 1000 : undefined;
}

function parseExpiry(text: string): number | undefined {
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return seconds <= expirySecondsMax ? seconds : undefined;
}

/** A header that is repeated reaches us joined by commas; a comma of a name or a value is percent-encoded. */
function parseUserProperties(text: string): UserProperty[] | undefined {
  const pairs: UserProperty[] = [];
  for (const part of text.split(",")) {
    const [name, value] = part.trim().split(/=(.*)/s, 2).map(percentDecoded);
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
  }
  return pairs;
}
