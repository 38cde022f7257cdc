import { attributesSize, writeAttributes } from "./attributes.ts";
import { lengthDelimitedSize, utf8Size, WireWriter } from "./wire.ts";

/** Without a version: as part of the scope it would fork every series at each upgrade. */
const scopeName = "mqtt-otlp-gateway";

/**
 * What surrounds the metrics or log records of a request: one Resource and one InstrumentationScope. The fields
 * have the same numbers for every signal: Export…ServiceRequest { 1: Resource… { 1: Resource, 2: Scope… { 1: scope,
 * 2: metrics or log records } } }.
 *
 * Source: OTLP, metrics_service.proto, logs_service.proto.
 */
export class RequestFrame {
  readonly #resource: Uint8Array;
  readonly #scope: Uint8Array;

  constructor(resourceAttributes: Readonly<Record<string, string>>) {
    const attributes = sortedAttributes(resourceAttributes);
    const resourceSize = attributesSize(attributes);
    const resource = new WireWriter(lengthDelimitedSize(resourceSize));
    resource.open(1, resourceSize);
    writeAttributes(resource, 1, attributes);
    this.#resource = resource.written;

    const nameSize = utf8Size(scopeName);
    const scope = new WireWriter(lengthDelimitedSize(lengthDelimitedSize(nameSize)));
    scope.open(1, lengthDelimitedSize(nameSize));
    scope.text(1, scopeName, nameSize);
    this.#scope = scope.written;
  }

  /** Bytes of a whole request whose metrics or log records take `contentSize` bytes with their tags. */
  requestSize(contentSize: number): number {
    return lengthDelimitedSize(this.#resourceSize(contentSize));
  }

  /** A writer with room for exactly one request, positioned where its metrics or log records begin. */
  open(contentSize: number): WireWriter {
    const writer = new WireWriter(this.requestSize(contentSize));
    writer.open(1, this.#resourceSize(contentSize));
    writer.raw(this.#resource);
    writer.open(2, this.#scope.length + contentSize);
    writer.raw(this.#scope);
    return writer;
  }

  #resourceSize(contentSize: number): number {
    return this.#resource.length + lengthDelimitedSize(this.#scope.length + contentSize);
  }
}

/** Resource attributes in an order that does not depend on how they were configured. */
export function sortedAttributes(
  attributes: Readonly<Record<string, string>>,
): { key: string; value: string }[] {
  return Object.keys(attributes)
    .sort()
    .map((key) => ({ key, value: attributes[key] ?? "" }));
}
