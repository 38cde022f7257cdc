import { closeSync, constants, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import * as z from "zod";
import type { SubscriptionJournal } from "../bridge/connection.ts";
import type { IdBlock, IdJournal } from "../bridge/ids.ts";

const content = z.object({
  /** Another broker has sessions of its own. */
  url: z.string(),
  blocks: z.array(z.object({ name: z.string(), first: z.int() })),
});

const subscribed = z.object({ url: z.string(), filters: z.array(z.string()) });

/** More than a record has. It is padded to that, so that a file never has to be made shorter, which waits for the disk. */
const recordCharacters = 4_095;

/**
 * A bridge's journal in a file, written in place. One that was cut off, or is not there, reads as empty, which costs
 * repeats and never a message; so only that it was emptied must survive the machine.
 */
export function createIdJournal({ path, url }: { path: string; url: string }): IdJournal {
  return {
    read() {
      try {
        const written = content.parse(JSON.parse(readFileSync(path, "utf8")));
        return written.url === url ? written.blocks : [];
      } catch {
        return [];
      }
    },
    write(blocks: readonly IdBlock[]) {
      const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      try {
        writeSync(file, `${JSON.stringify({ url, blocks }).padEnd(recordCharacters)}\n`, 0);
        if (blocks.length === 0) fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}

/** What a bridge has subscribed to. A file that is lost leaves a subscription that nobody wants any more. */
export function createSubscriptionJournal({ path, url }: { path: string; url: string }): SubscriptionJournal {
  function read(): readonly string[] {
    try {
      const written = subscribed.parse(JSON.parse(readFileSync(path, "utf8")));
      return written.url === url ? written.filters : [];
    } catch {
      return [];
    }
  }

  return {
    read,
    write(filters) {
      if (JSON.stringify(filters) === JSON.stringify(read())) return;
      writeFileSync(path, `${JSON.stringify({ url, filters })}\n`, { mode: 0o600 });
    },
  };
}
