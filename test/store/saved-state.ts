import type { Lane } from "../../pipeline/store/batch-store.ts";

/** The chunks of a lane's saved state, in order. */
export async function savedState(lane: Lane): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (let saved = await lane.state(0); saved !== undefined; saved = await lane.state(saved.id)) {
    chunks.push(saved.bytes);
  }
  return chunks;
}
