import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { levels, type MetricType, metricTypes } from "../../pipeline/payload/format.ts";
import { numRuns } from "./runs.ts";

const encoder = new TextEncoder();

function parse(payload: Uint8Array, lenient: boolean, contentType?: string) {
  return aioFormat.parse({ source: "s", topic: "t", payload, contentType, userProperties: [] }, { lenient });
}

const text = fc.string({ unit: "grapheme" });
const name = fc.string({ unit: "grapheme", minLength: 1 });
const attributes = fc.uniqueArray(fc.record({ key: name, value: text }), {
  selector: ({ key }) => key,
  maxLength: 5,
});
const timeUnixNano = fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { nil: undefined });

/** A value of this type, in the form in which it is read back. */
function metricValue(type: MetricType): fc.Arbitrary<number | bigint> {
  const normal = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
  if (type.startsWith("u64")) return fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(normal);
  if (type.startsWith("i64")) return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(normal);
  const min = type === "f64_counter" ? 0 : undefined;
  return fc
    .double({ noNaN: true, noDefaultInfinity: true, ...(min === undefined ? {} : { min }) })
    .map((value) => value + 0);
}

const metric = fc.constantFrom(...metricTypes).chain((type) =>
  fc.record({
    name,
    type: fc.constant(type),
    value: metricValue(type),
    description: fc.option(text, { nil: undefined }),
    unit: fc.constant(undefined),
    timeUnixNano,
    attributes,
  }),
);
const log = fc
  .record({ level: fc.constantFrom(...levels), body: text, timeUnixNano, attributes })
  .map((item) => ({ ...item, severityText: item.level }));

// Not in TypeScript's library yet. Source: ECMA-262, "JSON.rawJSON".
const { rawJSON } = JSON as unknown as { rawJSON(literal: string): unknown };

/** JSON with bigint as integers. */
function print(value: unknown): string {
  return JSON.stringify(value, (_key, member) =>
    typeof member === "bigint" ? rawJSON(String(member)) : member,
  );
}

describe("aioFormat.parse()", () => {
  it("reads the very items that were written", () => {
    fc.assert(
      fc.property(
        fc.array(metric, { maxLength: 4 }),
        fc.array(log, { maxLength: 4 }),
        fc.boolean(),
        (metrics, logs, lenient) => {
          const payload = print({
            metrics: metrics.map(({ timeUnixNano: timestamp, unit: _unit, ...item }) => ({
              ...item,
              timestamp,
            })),
            logs: logs.map(({ level, body, timeUnixNano: timestamp, attributes: list }) => ({
              level,
              value: body,
              timestamp,
              attributes: list,
            })),
          });
          expect(parse(encoder.encode(payload), lenient)).toEqual({
            kind: "items",
            items: { metrics, logs },
          });
        },
      ),
      { numRuns },
    );
  });

  it("reads or refuses whatever comes, and never throws", () => {
    const key = fc.constantFrom(
      "metrics",
      "logs",
      "name",
      "type",
      "value",
      "level",
      "attributes",
      "key",
      "timestamp",
      "__proto__",
      "data",
      "data_base64",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, true, 1, -1, 1.5, "f64_gauge", "info", ""),
        fc.bigInt(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 5 }),
      ),
    }));
    const bytes = fc.oneof(
      tree.map((value) => encoder.encode(print(value))),
      fc.json().map((json) => encoder.encode(json)),
      fc.uint8Array({ maxLength: 200 }),
    );
    const contentType = fc.constantFrom(undefined, "application/json", "application/cloudevents+json");
    fc.assert(
      fc.property(bytes, fc.boolean(), contentType, (payload, lenient, type) => {
        const parsed = parse(payload, lenient, type);
        expect(["items", "refused"]).toContain(parsed.kind);
        expect(parse(payload, lenient, type)).toEqual(parsed);
        if (parsed.kind === "refused") {
          expect(parsed.refusal.message).toMatch(/^Cannot read .+: met .+, wanted .+/);
          expect(parsed.refusal.message.length).toBeLessThan(300);
        }
      }),
      { numRuns },
    );
  });
});
