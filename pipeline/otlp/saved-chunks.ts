/** What a chunk costs the store beside its bytes, about: the page that its row takes. */
const rowBytes = 4096;
/** Superseded bytes are left alone up to so many, or up to half of the live ones. */
const supersededBytesMin = 4 * 1024 * 1024;

interface Chunk {
  bytes: number;
  /** Numbers of the series in it that are not looked at yet. Some of them may be in a newer chunk too. */
  series: number[];
}

/**
 * Which series are in which chunk of the saved state: a log with a chunk for each settled batch, in which the newest
 * record of a series counts. It is cleaned at its old end while it grows at the new one:
 *
 *     oldest ┌────────────────┬───────────┬ … ┬───────────────┐ newest
 *     go  ◀──┤ x  a  x  x  b  │ x  x  c   │   │ d  e   a  b   │     x: superseded
 *            └────┼────────┼──┴───────────┴ … ┴────────┼──┼───┘
 *                 └────────┴── taken along with d, e ──┴──┘
 *
 * A chunk takes at most about as many bytes along as it has of its own, so that no save is more than twice what
 * changed, and up to three times as many bytes go with it. While all that is live is taken along once, what changes
 * adds no more than that again, at whatever rate: the log holds about 1.5 times the live bytes when all series
 * change alike, and hardly more than 2.5 times whatever the order.
 *
 * Source: Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System", 1992.
 */
export class SavedChunks {
  /** What the store holds, the oldest first. */
  #chunks: Chunk[] = [];
  #bytes = 0;
  /** By number of the series: where its newest record is. */
  #newest: Chunk[] = [];

  /** The store holds this chunk behind the others. */
  add(series: number[], chunkBytes: number): void {
    const chunk = { series, bytes: chunkBytes + rowBytes };
    for (const one of series) this.#newest[one] = chunk;
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes;
  }

  /**
   * What a chunk with these series, which is added next, takes along, the bytes of it all, and how many of the oldest
   * chunks are outdated then. `ownBytes`: of these series; `liveBytes`: of all, each once; `bytesOf`: of one.
   */
  clean(
    own: ReadonlySet<number>,
    { ownBytes, liveBytes, bytesOf }: { ownBytes: number; liveBytes: number; bytesOf(one: number): number },
  ): { along: number[]; bytes: number; dropOldest: number } {
    const paceBytes = ownBytes + rowBytes;
    const bytesMax = liveBytes + Math.max(supersededBytesMin, liveBytes / 2) - paceBytes;
    const along: number[] = [];
    let alongBytes = 0;
    let droppedBytes = 0;
    let dropOldest = 0;
    while (this.#bytes + alongBytes > bytesMax && alongBytes < paceBytes && droppedBytes < 3 * paceBytes) {
      const oldest = this.#chunks[dropOldest];
      if (oldest === undefined) break;
      const one = oldest.series.pop();
      if (one === undefined) {
        dropOldest += 1;
        droppedBytes += oldest.bytes;
        this.#bytes -= oldest.bytes;
      } else if (this.#newest[one] === oldest && !own.has(one)) {
        along.push(one);
        alongBytes += bytesOf(one);
      }
    }
    this.#chunks.splice(0, dropOldest);
    return { along, bytes: ownBytes + alongBytes, dropOldest };
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#newest = [];
  }
}
