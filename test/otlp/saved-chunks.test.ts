import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SavedChunks } from "../../pipeline/otlp/saved-chunks.ts";
import { createRandom } from "../support/random.ts";

const rowBytes = 4096;
const toleratedBytes = 4 * 2 ** 20;

interface StoredChunk {
  bytes: number;
  series: number[];
  /** How many of them no newer chunk has. */
  newest: number;
}

/** What a store holds after each save, and whether anything was lost on the way. */
class Model {
  #saved = new SavedChunks();
  readonly #bytesOf: (series: number) => number;
  readonly #newest = new Map<number, StoredChunk>();
  chunks: StoredChunk[] = [];
  liveBytes = 0;

  constructor(bytesOf: (series: number) => number) {
    this.#bytesOf = bytesOf;
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { bytes }) => sum + bytes + rowBytes, 0);
  }

  get series(): number {
    return this.#newest.size;
  }

  save(series: Iterable<number>) {
    const own = new Set(series);
    const bytesOf = this.#bytesOf;
    for (const one of own) if (!this.#newest.has(one)) this.liveBytes += bytesOf(one);
    const ownBytes = own.values().reduce((sum, one) => sum + bytesOf(one), 0);
    const { liveBytes } = this;
    const { along, bytes, dropOldest } = this.#saved.clean(own, { ownBytes, liveBytes, bytesOf });
    const chunk: StoredChunk = { bytes, series: [...own, ...along], newest: 0 };
    this.#saved.add([...chunk.series], bytes);
    for (const one of chunk.series) {
      const before = this.#newest.get(one);
      if (before) before.newest -= 1;
      this.#newest.set(one, chunk);
      chunk.newest += 1;
    }
    const dropped = this.chunks.splice(0, dropOldest);
    this.chunks.push(chunk);
    const lost = dropped.reduce((sum, { newest }) => sum + newest, 0);
    return { along, ownBytes, bytes, lost, twice: chunk.series.length - new Set(chunk.series).size };
  }

  restart() {
    this.#saved = new SavedChunks();
    for (const { series, bytes } of this.chunks) this.#saved.add([...series], bytes);
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Saves that go on in one way for a while: of which series, how many at once, and how often. */
const phase = fc.record({
  order: fc.constantFrom("in turn", "at random", "few"),
  share: fc.double({ min: 0.001, max: 1, noNaN: true }),
  batch: fc.integer({ min: 1, max: 400 }),
  saves: fc.integer({ min: 1, max: 400 }),
  restarts: fc.boolean(),
  seed: fc.nat(),
});

type Phase = typeof phase extends fc.Arbitrary<infer P> ? P : never;

/** The most that was met on the way through these phases, of 1,500 series of 30 kB or so: 45 MB. */
function extremes(phases: readonly Phase[]) {
  const count = 1500;
  const model = new Model((series) => 20_000 + ((series * 7919) % 20_000));
  for (let from = 0; from < count; from += 50) model.save(range(from, from + 50));
  const met = { lost: 0, twice: 0, alongBytes: 0, times: 0 };
  let turn = 0;
  for (const { order, share, batch, saves, restarts, seed } of phases) {
    const random = createRandom(seed);
    const next = {
      "in turn": () => turn++ % count,
      "at random": () => Math.floor(random() * count),
      few: () => Math.floor(random() * share * count),
    }[order];
    if (restarts) model.restart();
    for (let save = 0; save < saves; save += 1) {
      const { lost, twice, bytes, ownBytes } = model.save(Array.from({ length: batch }, next));
      met.lost += lost;
      met.twice += twice;
      met.alongBytes = Math.max(met.alongBytes, bytes - 2 * ownBytes);
      met.times = Math.max(met.times, (model.bytes - toleratedBytes - bytes) / model.liveBytes);
    }
  }
  return met;
}

const property = (check: (met: ReturnType<typeof extremes>) => void) =>
  fc.assert(
    fc.property(fc.array(phase, { minLength: 1, maxLength: 8 }), (phases) => {
      check(extremes(phases));
    }),
    { numRuns: 20 },
  );

describe("SavedChunks, in whatever order series change and processes restart,", () => {
  it("lets no record go that is the newest of its series", () => {
    property(({ lost }) => expect(lost).toBe(0));
  });

  it("takes no more along than a chunk has of its own, or one series more, and none that it has", () => {
    property(({ alongBytes, twice }) => {
      expect(alongBytes).toBeLessThan(rowBytes + 40_000);
      expect(twice).toBe(0);
    });
  });

  it("holds at most three times what is live, and what is always tolerated", () => {
    property(({ times }) => expect(times).toBeLessThan(3));
  });
});

describe("SavedChunks", () => {
  it("writes nothing twice when all series change in turn", () => {
    const model = new Model(() => 30_000);
    for (let save = 0; save < 200; save += 1) {
      const from = (save % 15) * 100;
      expect(model.save(range(from, from + 100)).along).toEqual([]);
    }
    expect(model.bytes).toBeLessThan(1.7 * model.liveBytes);
  });

  it("counts the row of a chunk, so that there are never very many small ones", () => {
    const model = new Model(() => 100);
    model.save(range(0, 100));
    let most = 0;
    for (let save = 0; save < 10_000; save += 1) {
      model.save([save % 10]);
      most = Math.max(most, model.chunks.length);
    }
    expect(most).toBeLessThan(1100);
    expect(model.series).toBe(100);
  });

  it("comes down again from a log that is far too long, and no save of that is large", () => {
    const model = new Model(() => 30_000);
    model.save(range(0, 100));
    model.chunks = Array.from({ length: 60 }, () => ({ bytes: 3_000_000, series: range(0, 100), newest: 0 }));
    model.restart();
    for (let save = 0; save < 300; save += 1) {
      expect(model.save(range(0, 10)).bytes).toBeLessThan(700_000);
    }
    expect(model.bytes).toBeLessThan(3 * 3_000_000 + toleratedBytes);
  });
});
