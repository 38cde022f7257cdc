/** There is no room now for what a request brings; nothing of it was kept. */
export class NoRoomError extends Error {
  override readonly name = "NoRoomError";
}

/** Room for what is inside at the same time: requests, or the bytes of their bodies. */
export interface Gate {
  /** Takes room; false, and nothing taken, when there is not enough. */
  enter(count?: number): boolean;
  leave(count?: number): void;
}

/** Room for `countMax` at any moment, which is room of the gate behind it too. */
export function createGate(countMax: number, behind?: Gate): Gate {
  let taken = 0;
  return {
    enter(count = 1) {
      if (taken + count > countMax || behind?.enter(count) === false) return false;
      taken += count;
      return true;
    },
    leave(count = 1) {
      taken -= count;
      behind?.leave(count);
    },
  };
}

/** What one request takes of a gate bit by bit, and gives back at once. */
export class Share {
  readonly #gate: Gate;
  #taken = 0;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** Errors: NoRoomError. */
  take(count: number): void {
    if (!this.#gate.enter(count)) {
      throw new NoRoomError("Cannot take the request: there is no memory for it now");
    }
    this.#taken += count;
  }

  giveBack(): void {
    this.#gate.leave(this.#taken);
    this.#taken = 0;
  }
}
