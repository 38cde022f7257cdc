/** Programs that tests need beside Node. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Where servers are, which often is outside of a user's PATH. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin"];

/** The path of a program that is installed; undefined: it is not. */
export function installedTool(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...serverFolders];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mqtt-otlp-gateway");

/** Where a tool that tests bring is kept, outside the repository, under a name that changes with its recipe. */
export function cachedToolPath(name: string, ...recipe: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of recipe) hash.update(part);
  return join(folder, `${name}-${hash.digest("hex").slice(0, 12)}`);
}
