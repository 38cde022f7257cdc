/** Where the store is, in an operator's words, and what keeps the gateway from writing there. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { GatewayConfig } from "../pipeline/config/config.ts";
import { describeBytes } from "./describe-bytes.ts";

type Options = Pick<GatewayConfig, "store" | "deadLetters">;

export function describeStore({ store, deadLetters }: Options): string {
  const { type, path } = store;
  const place = type === "memory" ? "in memory" : `${path}${existsSync(path) ? "" : " (made at start)"}`;
  return `${place}, at most ${describeBytes(store.bytesMax)}; dead letters at most ${describeBytes(deadLetters.bytesMax)}`;
}

/** The gateway would not start; one sentence each. */
export function storeFaults({ store: { type, path } }: Pick<Options, "store">): string[] {
  if (type === "memory") return [];
  if (existsSync(path) && !statSync(path).isFile()) return [`Store ${path} is no file`];
  // What is missing of the folders is made at start.
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  if (!statSync(folder).isDirectory()) return [`Cannot make store ${path}: ${folder} is no folder`];
  return [folder, path]
    .filter((place) => existsSync(place) && !isWritable(place))
    .map((place) => `Cannot write store ${path}: this user may not write ${place}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
