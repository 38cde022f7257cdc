/** Weights of the newest commit, when it was quicker than what is known, and when it was slower. */
const quickerWeight = 0.3;
const slowerWeight = 0.1;

/**
 * How long the disk takes for a commit: about as long as the quicker ones took. Others waited for a processor, or
 * wrote a checkpoint too, and say nothing of the disk.
 */
export class SyncTime {
  #ms = 0;

  /** In milliseconds. 0: nothing is known. */
  get ms(): number {
    return this.#ms;
  }

  add(ms: number): void {
    this.#ms += (ms - this.#ms) * (ms < this.#ms ? quickerWeight : slowerWeight);
  }
}
