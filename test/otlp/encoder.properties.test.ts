import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AggregationTemporality } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import {
  type Attribute,
  type Items,
  levels,
  type MetricItem,
  metricTypes,
} from "../../pipeline/payload/format.ts";
import type { StoredMessage } from "../../pipeline/store/batch-store.ts";
import {
  at,
  decodeLogs,
  decodeMetrics,
  exponentialPoints,
  histogramPoints,
  message,
  modes,
  noonUs,
  numberPoints,
  settings as plainSettings,
  rewritten,
  sequencePoints,
  traceparent,
} from "./fixtures.ts";

type Input = [StoredMessage, Items];

const text = fc.oneof(fc.constantFrom("", "a", "b"), fc.string({ unit: "grapheme", maxLength: 20 }));
const attributes: fc.Arbitrary<Attribute[]> = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom("device", "line", "schlüssel"),
    value: fc.oneof(
      text,
      fc.integer(),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.double(),
      fc.boolean(),
    ),
  }),
  { selector: ({ key }) => key, maxLength: 3 },
);
const time = fc.option(
  fc.integer({ min: -30_000_000, max: 900_000_000 }).map((us) => at(us / 1e6)),
  { nil: undefined },
);

const metricItem: fc.Arbitrary<MetricItem> = fc.constantFrom(...metricTypes).chain((type) =>
  fc.record({
    type: fc.constant(type),
    name: fc.constantFrom("x", "y", "größe"),
    unit: fc.constantFrom(undefined, "Cel"),
    description: fc.option(text, { nil: undefined }),
    timeUnixNano: time,
    attributes,
    value: type.startsWith("f64")
      ? fc.double({ min: type === "f64_counter" ? 0 : -1e6, max: 1e6, noNaN: true })
      : fc.bigInt({ min: type.startsWith("i64") ? -(2n ** 63n) : 0n, max: 2n ** 63n - 1n }),
  }),
);

const arrival = fc
  .tuple(fc.integer({ min: 0, max: 60_000_000 }), fc.boolean())
  .map(([us, isTraced]) =>
    message({ arrivedAtUs: noonUs + us, userProperties: isTraced ? [["traceparent", traceparent]] : [] }),
  );
const metricsInput: fc.Arbitrary<Input> = fc.tuple(
  arrival,
  fc.array(metricItem, { maxLength: 5 }).map((metrics) => ({ metrics, logs: [] })),
);
const totalsInput = metricsInput.map(
  ([stored, items]): Input => [stored, { ...items, counterValues: "total" }],
);
const anyInput = fc.oneof(metricsInput, totalsInput);

/** Encode all, in as many requests as `requestBytesMax` makes necessary; leave out what does not fit alone. */
function requests(encoder: Encoder, inputs: readonly Input[]): Uint8Array[] {
  const sent: Uint8Array[] = [];
  let encoding = encoder.begin();
  const flush = () => {
    const { request } = encoding.finish();
    if (request !== undefined) sent.push(request);
    encoding.commit();
    encoding = encoder.begin();
  };
  for (const [stored, items] of inputs) {
    if (encoding.add(stored, items)) continue;
    flush();
    encoding.add(stored, items);
  }
  flush();
  return sent;
}

describe.each(modes)("a metrics encoder, %s,", (_, mode) => {
  const settings = { ...plainSettings, ...mode };

  it("never passes requestBytesMax, and writes what protobuf-es would", () => {
    fc.assert(
      fc.property(
        fc.array(anyInput, { maxLength: 20 }),
        fc.integer({ min: 200, max: 3000 }),
        (inputs, max) => {
          for (const request of requests(
            createMetricsEncoder({ ...settings, requestBytesMax: max }),
            inputs,
          )) {
            expect(request.length).toBeLessThanOrEqual(max);
            expect(rewritten(request).length).toBe(request.length);
          }
        },
      ),
    );
  });

  it("takes a message exactly when the request with it fits", () => {
    const whole = (inputs: readonly Input[]) => {
      const encoding = createMetricsEncoder(settings).begin();
      for (const input of inputs) encoding.add(...input);
      return encoding.finish();
    };
    const inputs = fc.array(anyInput, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(inputs, fc.integer({ min: 150, max: 2000 }), fc.boolean(), (inputs, size, exact) => {
        const wholeSize = whole(inputs).request?.length ?? 0;
        const requestBytesMax = exact ? wholeSize : size;
        const encoding = createMetricsEncoder({ ...settings, requestBytesMax }).begin();
        const taken: Input[] = [];
        for (const input of inputs) {
          const fits = (whole([...taken, input]).request?.length ?? 0) <= requestBytesMax;
          expect(encoding.add(...input)).toBe(fits || input[1].metrics.length === 0);
          if (fits) taken.push(input);
        }
        expect(encoding.finish()).toEqual(whole(taken));
      }),
    );
  });

  it("gives the same bytes again, also from its saved state and after encodings that were forgotten", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyInput, { maxLength: 5 }), { maxLength: 5 }), (batches) => {
        const encoder = createMetricsEncoder(settings);
        const chunks: Uint8Array[] = [];
        for (const batch of batches) {
          const reloaded = createMetricsEncoder(settings);
          reloaded.load(chunks);
          const [first, again, other] = [encoder.begin(), encoder.begin(), reloaded.begin()];
          for (const encoding of [first, again, other]) for (const input of batch) encoding.add(...input);
          const sent = first.finish();
          expect(again.finish()).toEqual(sent);
          expect(other.finish()).toEqual(sent);
          const change = again.commit();
          if (change !== undefined) chunks.push(change.bytes);
        }
      }),
    );
  });

  it("sums up all increments over any batches, with points in the order of time", () => {
    const increment = fc.record({ value: fc.nat({ max: 1000 }), seconds: fc.integer({ min: -60, max: 60 }) });
    fc.assert(
      fc.property(
        fc.array(fc.array(increment, { minLength: 1, maxLength: 8 }), { minLength: 1 }),
        (batches) => {
          const encoder = createMetricsEncoder(settings);
          const sent = batches.flatMap((batch) =>
            requests(
              encoder,
              batch.map(({ value, seconds }): Input => {
                const shared = { timeUnixNano: at(seconds), attributes: [], name: "x", value };
                return [
                  message(),
                  {
                    metrics: [
                      { ...shared, type: "u64_counter" },
                      { ...shared, type: "f64_histogram" },
                    ],
                    logs: [],
                  },
                ];
              }),
            ),
          );
          const isDelta = mode.temporality === "delta";
          const total = batches.flat().reduce((sum, { value }) => sum + value, 0);
          const metrics = sent.flatMap(decodeMetrics);
          const numbers = numberPoints(metrics);
          const histograms = [...histogramPoints(metrics), ...exponentialPoints(metrics)];
          const totalOf = (values: unknown[]) =>
            isDelta ? values.reduce<number>((sum, value) => sum + Number(value), 0) : Number(values.at(-1));
          expect(totalOf(numbers.map(({ value }) => value.value))).toBe(total);
          expect(totalOf(histograms.map(({ sum }) => sum))).toBe(total);
          expect(totalOf(histograms.map(({ count }) => count))).toBe(batches.flat().length);
          for (const points of [numbers, histograms]) {
            for (const [i, point] of points.entries()) {
              const before = points[i - 1];
              const start = isDelta ? before?.timeUnixNano : before?.startTimeUnixNano;
              if (before !== undefined) expect(point.startTimeUnixNano).toBe(start);
              expect(point.timeUnixNano).toBeGreaterThan(before?.timeUnixNano ?? point.startTimeUnixNano);
            }
          }
        },
      ),
    );
  });

  it("never goes back in time within a series, nor over its start, whatever is sent", () => {
    fc.assert(
      fc.property(
        fc.array(metricsInput, { maxLength: 30 }),
        fc.integer({ min: 300, max: 2000 }),
        (inputs, max) => {
          const last = new Map<string, bigint>();
          const encoder = createMetricsEncoder({ ...settings, requestBytesMax: max, seriesMax: 10 });
          for (const metric of requests(encoder, inputs).flatMap(decodeMetrics)) {
            const isMonotonic = metric.data.case === "sum" && metric.data.value.isMonotonic;
            if (metric.data.case === "gauge") continue;
            const isDelta =
              metric.data.value !== undefined &&
              "aggregationTemporality" in metric.data.value &&
              metric.data.value.aggregationTemporality === AggregationTemporality.DELTA;
            for (const point of sequencePoints([metric])) {
              const identity = point.attributes.map(
                ({ key, value }) => `${key}=${value?.value.case} ${value?.value.value}`,
              );
              const series = [
                metric.name,
                metric.unit,
                metric.data.case,
                isMonotonic,
                ...identity.sort(),
              ].join();
              expect(point.timeUnixNano).toBeGreaterThan(last.get(series) ?? 0n);
              expect(point.timeUnixNano).toBeGreaterThan(point.startTimeUnixNano);
              if (isDelta) expect(point.startTimeUnixNano).toBeGreaterThanOrEqual(last.get(series) ?? 0n);
              last.set(series, point.timeUnixNano);
            }
          }
        },
      ),
    );
  });
});

describe("a logs encoder", () => {
  const logInput: fc.Arbitrary<Input> = fc.tuple(
    arrival,
    fc
      .array(
        fc.record({
          level: fc.constantFrom(...levels),
          severityText: text,
          body: fc.string({ unit: "binary", maxLength: 300 }),
          timeUnixNano: time,
          attributes,
        }),
        { maxLength: 4 },
      )
      .map((logs) => ({ metrics: [], logs })),
  );

  it("never passes requestBytesMax and loses nothing that fits", () => {
    fc.assert(
      fc.property(fc.array(logInput, { maxLength: 10 }), (inputs) => {
        const sent = requests(createLogsEncoder({ ...plainSettings, requestBytesMax: 4000 }), inputs);
        for (const request of sent) expect(request.length).toBeLessThanOrEqual(4000);
        const bodies = sent.flatMap(decodeLogs).map(({ body }) => body?.value.value);
        const fitting = inputs.filter((input) =>
          createLogsEncoder({ ...plainSettings, requestBytesMax: 4000 })
            .begin()
            .add(...input),
        );
        const wanted = fitting.flatMap(([, { logs }]) => logs.map(({ body }) => body.toWellFormed()));
        expect(bodies).toEqual(wanted);
      }),
    );
  });
});
