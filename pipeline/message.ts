/**
 * Glossary. One word for one thing, in code, SQL, logs and documentation alike.
 *
 * - source: who sends, and the adapter that reads its envelopes
 * - envelope: the JSON or the headers in which a sender wraps a message
 * - message: one MQTT Application Message with what its sender told about it
 * - item: one data point or log record; a message carries any number of them
 * - lane: one signal of one destination, with a cursor, an open batch and a state of its own
 * - batch: a contiguous range of message ids that is sealed and sent together by one lane
 * - outcome: what became of one attempt to send
 * - settlement: what the store records of a batch in the end
 * - dead letter: a message that was acknowledged and will not be delivered, kept with the reason
 *
 * Instants are microseconds since the Unix epoch, as numbers (exact until the year 2255), in fields that end
 * in `Us`. What OTLP carries is nanoseconds, as bigint, in fields that end in `UnixNano`.
 */

/** The OTLP signals that a message can carry items of. */
export type Signal = "metrics" | "logs";

export const signals: readonly Signal[] = ["metrics", "logs"];

/** An MQTT 5 User Property. Names may repeat and their order counts, hence pairs. Source: MQTT 5.0, 3.3.2.3.7. */
export type UserProperty = readonly [name: string, value: string];

/** An MQTT Application Message as a source handed it over. Source: MQTT 5.0, 3.3. */
export interface MqttMessage {
  /** The configured name of the source. */
  source: string;
  /** Topic Name, without wildcards. */
  topic: string;
  /** Application Message, byte for byte. */
  payload: Uint8Array;
  qos?: 0 | 1 | 2 | undefined;
  retain?: boolean | undefined;
  dup?: boolean | undefined;
  clientId?: string | undefined;
  /** Stable over the sender's repeats. */
  messageId?: string | undefined;
  /** Without `messageId`, what our own side knows a repeat by; without either, nothing is one. It is not stored. */
  repeatId?: RepeatId | undefined;
  /** When the sender or broker took the message. */
  publishedAtUs?: number | undefined;
  messageExpiryIntervalSeconds?: number | undefined;
  contentType?: string | undefined;
  userProperties: readonly UserProperty[];
  /** Names of the rate limits that dropped it on some of its ways when it arrived. */
  throttledBy?: readonly string[] | undefined;
  /** What stands in for inputs of rules that its payload lacks, as it was known when it arrived. */
  lastValues?: readonly LastValue[] | undefined;
}

/** Names one message: no other has this number in this run. */
export interface RepeatId {
  /** A UUID. */
  run: string;
  number: number;
}

/** An input of a rule whose last value is remembered for each source and topic. */
export interface RuleInput {
  /** The mapping, or the node of a graph, such as "Mapping thermostat". */
  rule: string;
  /** Path of the input as it is written; in a rule with `each`, behind the path of that. */
  input: string;
}

/** The same of one member of the payload. */
export interface RememberedInput extends RuleInput {
  /** What the asterisk of `each` stands for, as a JSON array; "" without `each`. */
  member: string;
}

/** A value that an input had in an earlier message. */
export interface LastValue extends RememberedInput {
  /** JSON text; `null`: it is not known. */
  value: string;
}

/** One lane's identity: one signal of one destination. */
export interface LaneName {
  destination: string;
  signal: Signal;
}

/** Lanes of one gateway: bits of a mask that a number holds exactly with room to spare, so that sums stay exact too. */
export const lanesMax = 48;

/** Text form of a lane's name, as a key in maps, in the store and in logs. */
export function laneKey({ destination, signal }: LaneName): string {
  return `${destination}/${signal}`;
}
