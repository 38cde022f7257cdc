import type { MqttMessage } from "../message.ts";
import type { DeadLetter, DeadLetterStore } from "./batch-store.ts";

/** Dead letters in memory, in a quota of their own: the oldest, or one too large for it, are discarded and counted. */
export function createDeadLetters(options: { bytesMax: number; bytesOf: (message: MqttMessage) => number }) {
  const letters = new Map<number, DeadLetter>();
  let lastId = 0;
  let bytes = 0;
  let discarded = 0;

  function remove(id: number): boolean {
    const letter = letters.get(id);
    if (!letter) return false;
    bytes -= options.bytesOf(letter.message);
    return letters.delete(id);
  }

  return {
    get kept() {
      return letters.size;
    },
    get discarded() {
      return discarded;
    },
    /** Gives the id of one that is kept. */
    add(letter: Omit<DeadLetter, "id">): number | undefined {
      lastId += 1;
      const letterBytes = options.bytesOf(letter.message);
      if (letterBytes > options.bytesMax) {
        discarded += 1;
        return undefined;
      }
      letters.set(lastId, { ...letter, id: lastId });
      bytes += letterBytes;
      for (const id of letters.keys()) {
        if (bytes <= options.bytesMax) break;
        remove(id);
        discarded += 1;
      }
      return lastId;
    },
    list({ afterId, limit, source, reason }: Parameters<DeadLetterStore["list"]>[0]): DeadLetter[] {
      const found = [];
      for (const letter of letters.values()) {
        if (found.length === limit) break;
        if (letter.id <= afterId) continue;
        if (source !== undefined && letter.message.source !== source) continue;
        if (reason !== undefined && letter.reason !== reason) continue;
        found.push(letter);
      }
      return found;
    },
    get: (id: number) => letters.get(id),
    delete: remove,
  };
}
