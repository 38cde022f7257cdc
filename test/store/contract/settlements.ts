import type { Settlement } from "../../../pipeline/store/batch-store.ts";

type Delivered = Settlement & { kind: "delivered" };
export type Dead = Settlement & { kind: "dead" };

/** A settlement of a batch that was delivered. */
export function delivered(counts: Partial<Delivered> = {}): Settlement {
  return { kind: "delivered", messages: 0, expired: 0, items: 0, rejectedItems: 0, ...counts };
}

/** A settlement of a batch in which this message was refused. */
export function dead(messageId: number, more: Partial<Dead> = {}): Settlement {
  return {
    kind: "dead",
    messageId,
    reason: "refused",
    detail: "INVALID_ARGUMENT",
    possiblyDelivered: false,
    expired: 0,
    ...more,
  };
}
