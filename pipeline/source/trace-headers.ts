import type { Origin } from "../config/config.ts";
import type { UserProperty } from "../message.ts";
import type { Envelope, ReadMessage } from "./adapter.ts";

/** Any of them begins a trace context. Sources: W3C Trace Context; openzipkin/b3-propagation. */
const traceHeaders = ["traceparent", "b3", "x-b3-traceid"];
const otherTraceHeaders = ["x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
const baggageHeaders = ["baggage"];

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
  const { elements, isArray } = envelope;
  const [element] = elements;
  if (isArray || element?.kind !== "message" || elements.length > 1) return envelope;
  const { message } = element;
  const takesTrace = isNew(message, headers, traceHeaders);
  const takesBaggage = baggage.length > 0 && isNew(message, headers, baggageHeaders);
  if (!takesTrace && !takesBaggage) return envelope;
  const names = [
    ...(takesTrace ? [...traceHeaders, ...otherTraceHeaders] : []),
    ...(takesBaggage ? baggageHeaders : []),
  ];
  const added = names.flatMap((name): UserProperty[] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const userProperties = [...message.userProperties, ...added];
  return { ...envelope, elements: [{ ...element, message: { ...message, userProperties } }] };
}

/** Whether the request has one of these, and the message none. */
function isNew({ userProperties }: ReadMessage, headers: Headers, names: readonly string[]): boolean {
  return (
    names.some((name) => headers.has(name)) &&
    !userProperties.some(([name]) => names.includes(name.toLowerCase()))
  );
}
