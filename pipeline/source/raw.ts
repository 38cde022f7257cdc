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
    const { headers } = request;
    const issues: Issue[] = [];
    const message: ReadMessage = {
      topic: readTopic(request, issues),
      payload: request.body,
      qos: readField(headers, qos, issues),
      retain: readField(headers, retain, issues),
      clientId: headerText(headers, "mqtt-client-id"),
      messageId: headerText(headers, "mqtt-message-id"),
      publishedAtUs: readField(headers, publishedAtUs, issues),
      messageExpiryIntervalSeconds: readField(headers, expirySeconds, issues),
      contentType: headerText(headers, "mqtt-content-type"),
      userProperties: readField(headers, userProperties, issues) ?? [],
    };
    if (issues.length > 0) throw brokenBody("raw", issues);
    return { elements: [{ kind: "message", message }], isArray: false };
  },
});

/** A header that is more than a text. */
interface Field<T> {
  /** In lower case: each other form would be made that first, for each request. */
  header: string;
  /** The same as it is documented. */
  name: string;
  wanted: string;
  /** Undefined: the text cannot be read. */
  parse(text: string): T | undefined;
}

function field<T>(name: string, wanted: string, parse: Field<T>["parse"]): Field<T> {
  return { header: name.toLowerCase(), name, wanted, parse };
}

const qos = field("Mqtt-Qos", "0, 1 or 2", parseQos);
const retain = field("Mqtt-Retain", "true or false", parseBoolean);
const publishedAtUs = field("Mqtt-Published-At", "RFC 3339, or milliseconds since 1970", parsePublishedAt);
const expirySeconds = field(
  "Mqtt-Message-Expiry-Interval",
  `an integer from 0 to ${expirySecondsMax}`,
  parseExpiry,
);
const userProperties = field("Mqtt-User-Property", "name=value, both percent-encoded", parseUserProperties);

function readField<T>(
  headers: Headers,
  { header, name, wanted, parse }: Field<T>,
  issues: Issue[],
): T | undefined {
  const text = headerText(headers, header);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) issues.push({ path: name, message: `met another text, wanted ${wanted}` });
  return value;
}

function readTopic(request: WebhookRequest, issues: Issue[]): string {
  const topic = requestTopic(request);
  if (topic) return topic;
  const met = topic === undefined ? "nothing" : "another text";
  const wanted = "a percent-encoded Topic Name without wildcards, here or in the query parameter topic";
  issues.push({ path: "Mqtt-Topic", message: `met ${met}, wanted ${wanted}` });
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
