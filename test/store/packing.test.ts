import { describe, expect, it } from "vitest";
import type { Arrival } from "../../pipeline/store/batch-store.ts";
import { RequestPacker, unpackRequests } from "../../pipeline/store/packing.ts";
import { toArrivalRow } from "../../pipeline/store/sqlite/messages.ts";

function arrivalOf(
  fields: Partial<Arrival> & { payload?: Buffer; source?: string; topic?: string } = {},
): Arrival {
  const { payload = Buffer.from("{}"), source = "plant", topic = "plant/a", ...rest } = fields;
  return {
    message: { source, topic, payload, userProperties: [["näme", "wert"]], qos: 1 },
    arrivedAtUs: 1_754_851_200_000_001,
    identity: Buffer.from("0123456789abcdef"),
    verdict: { kind: "accepted", lanes: 2 ** 47, expiresAtUs: 1_754_851_200_000_002 },
    ...rest,
  };
}

/** Buffers and arrays of bytes alike. */
function plain(row: ReturnType<typeof toArrivalRow>) {
  return { ...row, payload: [...row.payload], identity: row.identity && [...row.identity] };
}

function crossed(...requests: Arrival[][]) {
  const packer = new RequestPacker();
  for (const request of requests) packer.add(request);
  return unpackRequests(packer.take(), requests.length).map((rows) => rows.map(plain));
}

const rowsOf = (...requests: Arrival[][]) =>
  requests.map((arrivals) => arrivals.map(toArrivalRow).map(plain));

describe("RequestPacker", () => {
  it.each<[string, Partial<Arrival>]>([
    ["an accepted message", {}],
    ["one that never expires", { verdict: { kind: "accepted", lanes: 0, expiresAtUs: undefined } }],
    ["an expired message", { verdict: { kind: "expired" } }],
    ["a filtered message", { verdict: { kind: "filtered", reason: "filter" } }],
    ["one without identity", { identity: undefined }],
    ["last values", { met: [{ rule: "Mapping a", input: "v", member: "", value: "1" }] }],
    [
      "a dead letter",
      { verdict: { kind: "deadLettered", reason: "invalidPayload", path: "metrics[0]", detail: "„näh“" } },
    ],
  ])("brings %s to the other side", (_, fields) => {
    const request = [arrivalOf(fields)];
    expect(crossed(request)).toEqual(rowsOf(request));
  });

  it("keeps requests apart, and each row's source, whichever it was before", () => {
    const [a, b] = [arrivalOf({ source: "a" }), arrivalOf({ source: "b" })];
    const requests = [[a, a, b, b, a], [a], [], [b, a]];
    expect(crossed(...requests)).toEqual(rowsOf(...requests));
  });

  it("has room for requests of any size", () => {
    const requests = [
      [arrivalOf({ topic: "€".repeat(20_000) })],
      [arrivalOf({ payload: Buffer.alloc(300_000, 7) })],
    ];
    expect(crossed(...requests)).toEqual(rowsOf(...requests));
  });

  it("gives each row its own properties, whichever there were before", () => {
    const [none, some, others] = [
      { userProperties: [] },
      { userProperties: [], qos: 1 as const },
      { userProperties: [["a", "b"]] as const },
    ].map((properties) => ({
      ...arrivalOf(),
      message: { ...arrivalOf().message, qos: undefined, ...properties },
    }));
    if (!none || !some || !others) throw new Error("unreachable");
    const requests = [[none, none, some, some, none, others, some], [some], [none], [others, none]];
    expect(crossed(...requests)).toEqual(rowsOf(...requests));
  });

  it("packs once what rows after one another have in common", () => {
    const writtenTimes = (...arrivals: Arrival[]) => {
      const packer = new RequestPacker();
      packer.add(arrivals);
      const packed = Buffer.from(packer.take()).toString("latin1");
      return packed.split("wert").length - 1;
    };
    expect(writtenTimes(arrivalOf(), arrivalOf(), arrivalOf())).toBe(1);
  });

  it("add() leaves out all of a request that cannot be packed", () => {
    const packer = new RequestPacker();
    const broken = { ...arrivalOf(), message: { ...arrivalOf().message, publishedAtUs: 1n as never } };
    packer.add([arrivalOf()]);
    expect(() => packer.add([arrivalOf(), broken])).toThrow();
    packer.add([arrivalOf({ source: "b" })]);
    const [first, second] = unpackRequests(packer.take(), 2);
    expect([first, second].map((rows) => rows?.map(({ source }) => source))).toEqual([["plant"], ["b"]]);
  });

  it("take() gives buffers that are as large as the last ones needed, and no larger than a mebibyte unless they must", () => {
    const packer = new RequestPacker();
    const packedBytes = (payloadBytes: number) => {
      packer.add([arrivalOf({ payload: Buffer.alloc(payloadBytes) })]);
      return packer.take().byteLength;
    };
    expect(packedBytes(100_000)).toBeGreaterThan(100_000);
    expect(packedBytes(90_000)).toBeLessThan(300_000);
    packedBytes(20_000_000);
    expect(packedBytes(10)).toBe(1_048_576);
    expect(packedBytes(10)).toBe(524_288);
    for (let times = 0; times < 10; times++) packedBytes(10);
    expect(packedBytes(10)).toBe(1024);
  });

  it("take() leaves the packer empty, and what it gave as it is", () => {
    const packer = new RequestPacker();
    packer.add([arrivalOf({ source: "a" })]);
    const first = packer.take();
    packer.add([arrivalOf({ source: "b" })]);
    expect(unpackRequests(first, 1)[0]?.[0]?.source).toBe("a");
    expect(unpackRequests(packer.take(), 1)[0]?.[0]?.source).toBe("b");
  });
});
