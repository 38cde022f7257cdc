import type { SettledObserver } from "./settled.ts";
import type { Batch, Lane } from "./store/batch-store.ts";

/** The same lane, telling how far it has settled what it owes. */
export function observeSettled(lane: Lane, onSettled: SettledObserver): Lane {
  let open: Batch | undefined;
  let toldId = 0;

  function tell(lastId: number) {
    if (lastId <= toldId) return;
    toldId = lastId;
    onSettled(lane.name, lastId);
  }

  return {
    name: lane.name,
    mask: lane.mask,
    async position() {
      const position = await lane.position();
      open = position.open;
      tell(position.cursor);
      return position;
    },
    async backlog() {
      const backlog = await lane.backlog();
      // Nothing is owed up to the newest message, though the cursor stays at the newest that was.
      if (backlog.messages === 0) tell(backlog.lastId);
      return backlog;
    },
    read: (afterId, rowsMax) => lane.read(afterId, rowsMax),
    state: (afterId) => lane.state(afterId),
    async seal(batch) {
      await lane.seal(batch);
      open = batch;
    },
    async settle(settlement, next) {
      const burials = await lane.settle(settlement, next);
      if (open && settlement.kind !== "unsealed") tell(open.lastId);
      open = next;
      return burials;
    },
    postpone: (options) => lane.postpone(options),
  };
}
