import { describe, expect, it } from "vitest";
import { NotSettledError } from "../../pipeline/errors.ts";
import { createSettled } from "../../pipeline/settled.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const metrics = { destination: "a", signal: "metrics" } as const;
const logs = { destination: "a", signal: "logs" } as const;
const far = { destination: "b", signal: "logs" } as const;

function setUp() {
  const clock = createFakeClock();
  const lanes = [
    { name: metrics, mask: 1 },
    { name: logs, mask: 4 },
    { name: far, mask: 2 ** 47 },
  ];
  const settled = createSettled({ lanes, clock });
  /** What became of a wait so far. */
  function watch(...parameters: Parameters<typeof settled.wait>) {
    const watched = { state: "waiting", end: settled.wait(...parameters) };
    watched.end.then(
      () => (watched.state = "settled"),
      (error) => (watched.state = error instanceof NotSettledError ? "turned away" : "broken"),
    );
    return watched;
  }
  return { clock, settled, watch };
}

/** Lets what was settled reach those who wait. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("wait()", () => {
  it("resolves at once when nothing is owed, or all of it is settled", async () => {
    const { settled } = setUp();
    await settled.wait([]);
    settled.advance(metrics, 7);
    await settled.wait([{ lanes: 1, id: 7 }]);
    await settled.wait([{ lanes: 1, id: 0 }]);
  });

  it("waits for each lane of the mask, and for no other", async () => {
    const { settled, watch } = setUp();
    const waiting = watch([{ lanes: 1 + 2 ** 47, id: 7 }]);
    settled.advance(logs, 9);
    settled.advance(metrics, 9);
    settled.advance(far, 6);
    await turn();
    expect(waiting.state).toBe("waiting");
    settled.advance(far, 7);
    await waiting.end;
  });

  it("ends when nobody waits any more, and begins no more then", async () => {
    const { settled, watch } = setUp();
    const gone = new AbortController();
    const waiting = watch([{ lanes: 1, id: 7 }], { signal: gone.signal });
    const other = watch([{ lanes: 1, id: 7 }]);
    gone.abort();
    await turn();
    const late = watch([{ lanes: 1, id: 7 }], { signal: gone.signal });
    await turn();
    expect([waiting.state, other.state, late.state]).toEqual(["turned away", "waiting", "turned away"]);
    settled.advance(metrics, 7);
    await other.end;
  });

  it("waits for the newest message of every set of lanes", async () => {
    const { settled, watch } = setUp();
    const waiting = watch([
      { lanes: 1, id: 3 },
      { lanes: 5, id: 8 },
    ]);
    settled.advance(metrics, 8);
    settled.advance(logs, 3);
    await turn();
    expect(waiting.state).toBe("waiting");
    settled.advance(logs, 8);
    await waiting.end;
  });

  it("does not wait for lanes that are not configured", async () => {
    await setUp().settled.wait([{ lanes: 2 + 8, id: 1 }]);
  });

  it("a lane never goes back", async () => {
    const { settled } = setUp();
    settled.advance(metrics, 9);
    settled.advance(metrics, 3);
    await settled.wait([{ lanes: 1, id: 9 }]);
  });

  it("turns away who has waited for timeoutMs, and nobody else", async () => {
    const { clock, settled, watch } = setUp();
    const short = watch([{ lanes: 1, id: 1 }], { timeoutMs: 1_000 });
    const long = watch([{ lanes: 1, id: 1 }], { timeoutMs: 2_000 });
    const endless = watch([{ lanes: 1, id: 1 }]);
    clock.advance(999);
    await turn();
    expect(short.state).toBe("waiting");
    clock.advance(1);
    await expect(short.end).rejects.toThrow(NotSettledError);
    expect([long.state, endless.state]).toEqual(["waiting", "waiting"]);
    clock.advance(3_000_000);
    await expect(long.end).rejects.toThrow(NotSettledError);
    expect(endless.state).toBe("waiting");
    settled.advance(metrics, 1);
    await endless.end;
  });

  it("leaves no timer behind once it is settled", async () => {
    const { clock, settled, watch } = setUp();
    let ended = false;
    const sleep = clock.sleep;
    clock.sleep = async (...parameters) => {
      await sleep(...parameters);
      ended = true;
    };
    const { end } = watch([{ lanes: 1, id: 1 }], { timeoutMs: 60_000 });
    settled.advance(metrics, 1);
    await end;
    await turn();
    expect(ended).toBe(true);
  });
});

describe("end()", () => {
  it("turns away who waits and who comes later, but not whose messages are settled", async () => {
    const { settled, watch } = setUp();
    settled.advance(metrics, 1);
    const waiting = watch([{ lanes: 1, id: 2 }]);
    settled.end();
    await expect(waiting.end).rejects.toThrow(NotSettledError);
    await expect(settled.wait([{ lanes: 1, id: 2 }])).rejects.toThrow(NotSettledError);
    await settled.wait([{ lanes: 1, id: 1 }]);
  });
});
