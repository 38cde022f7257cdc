/** The message that every benchmark sends or stores: one gauge with two attributes, about 150 bytes of AIO JSON. */
export const destination = "collector";
export const source = { one: "one", many: "many" };

/** Messages differ in device and value, as real ones do. */
export function topicOf(index: number): string {
  return `plant/line${index % 8}/thermostat-${index % 64}`;
}

export function payloadOf(index: number): string {
  const value = (20 + (index % 997) / 100).toFixed(2);
  return `{"metrics":[{"name":"temperature","type":"f64_gauge","value":${value},"attributes":[{"key":"device","value":"thermostat-${index % 64}"},{"key":"line","value":"${index % 8}"}]}]}`;
}

/** A request's body as the `mqtt` adapter takes it. */
export function envelopeOf(firstIndex: number, messages: number): string {
  const elements = Array.from({ length: messages }, (_, offset) => {
    const index = firstIndex + offset;
    return `{"topic":"${topicOf(index)}","payload":${payloadOf(index)}}`;
  });
  return `[${elements.join(",")}]`;
}
