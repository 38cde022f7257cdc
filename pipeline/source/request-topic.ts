/** Topics that stand beside a body, for bodies that have none. */
import type { WebhookRequest } from "./adapter.ts";
import { headerText, percentDecoded } from "./header-text.ts";
import { isTopicName } from "./topic.ts";

/**
 * The Topic Name of the header `Mqtt-Topic`, percent-encoded, else of the query parameter `topic`; undefined: neither
 * is there, empty: what is there is no Topic Name.
 */
export function requestTopic({ headers, query }: WebhookRequest): string | undefined {
  const header = headerText(headers, "mqtt-topic");
  return header === undefined ? queryTopic(query) : topicNameOf(percentDecoded(header));
}

/** The same of the query parameter alone. */
export function queryTopic(query: URLSearchParams): string | undefined {
  const topic = query.get("topic");
  return topic === null ? undefined : topicNameOf(topic);
}

function topicNameOf(text: string | undefined): string {
  return text !== undefined && isTopicName(text) ? text : "";
}
