import type { Origin } from "../config/config.ts";
import type { UserProperty } from "../message.ts";
import type { Envelope } from "./adapter.ts";

/** Any of them begins a trace context. Sources: W3C Trace Context; openzipkin/b3-propagation. */
const traceHeaders = ["traceparent", "b3", "x-b3-traceid"];
const otherTraceHeaders = ["x-b3-spanid", "x-b3-sampled", "x-b3-flags"];

/**
 * The envelope with what the request's own headers say of its trace, as User Properties, unless its message has a
 * trace itself. Only of a request that is one message: of several, nobody knows which one was meant. Baggage is
 * taken over only where the origin allows some.
 */
export function withTraceHeaders(
  envelope: Envelope,
  headers: Headers,
  { baggage }: Pick<Origin, "baggage">,
): Envelope {
  const [element, ...others] = envelope.elements;
  if (envelope.isArray || element?.kind !== "message" || others.length > 0) return envelope;
  const { message } = element;
  const isNew = (names: readonly string[]) =>
    names.some((name) => headers.has(name)) &&
    !message.userProperties.some(([name]) => names.includes(name.toLowerCase()));
  const names: string[] = [];
  if (isNew(traceHeaders)) names.push(...traceHeaders, ...otherTraceHeaders);
  if (baggage.length > 0 && isNew(["baggage"])) names.push("baggage");
  if (names.length === 0) return envelope;
  const added = names.flatMap((name): UserProperty[] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const userProperties = [...message.userProperties, ...added];
  return { ...envelope, elements: [{ ...element, message: { ...message, userProperties } }] };
}
