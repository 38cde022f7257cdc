import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import * as z from "zod";
import type { IdBlock, IdJournal } from "../bridge-ids.ts";

const content = z.object({
  /** Another broker has sessions of its own. */
  url: z.string(),
  blocks: z.array(z.object({ name: z.string(), first: z.int() })),
});

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
