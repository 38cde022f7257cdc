import type { BatchStore, Lane } from "../../pipeline/store/batch-store.ts";
import { arrival, metricsLane, owedBy, startUs } from "./arrivals.ts";

/** Append until it is refused. */
export async function fill(store: BatchStore): Promise<{ appendedBytes: number; error: unknown }> {
  const body = "x".repeat(150);
  const verdict = owedBy(store, [metricsLane]);
  const request = Array.from({ length: 100 }, () => arrival(body, verdict));
  for (let appendedBytes = 0; ; appendedBytes += request.length * body.length) {
    try {
      await store.append(request);
    } catch (error) {
      return { appendedBytes, error };
    }
  }
}

export async function settleAll(lane: Lane): Promise<void> {
  for (;;) {
    const rows = await lane.read(0, 1000);
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return;
    await lane.seal({ firstId: first.id, lastId: last.id, sealedAtUs: startUs });
    const counts = { messages: rows.length, expired: 0, items: rows.length, rejectedItems: 0 };
    await lane.settle({ kind: "delivered", ...counts });
  }
}
