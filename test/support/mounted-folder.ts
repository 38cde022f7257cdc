import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Files = Record<string, string | Uint8Array>;

/** A folder as Kubernetes mounts Secrets and ConfigMaps: links to a generation that is replaced as a whole. */
export interface MountedFolder {
  path: string;
  /** Put these files in the place of all others, at one moment. */
  swap(files: Files): void;
  remove(): void;
}

export function createMountedFolder(files: Files): MountedFolder {
  const path = mkdtempSync(join(tmpdir(), "mounted-"));
  const link = join(path, "..data");
  let generation = 0;
  const swap = (next: Files) => {
    const before = `..${generation}`;
    const now = `..${++generation}`;
    writeFiles(join(path, now), next);
    symlinkSync(now, `${link}_tmp`);
    renameSync(`${link}_tmp`, link);
    for (const name of Object.keys(next)) {
      rmSync(join(path, name), { force: true });
      symlinkSync(join("..data", name), join(path, name));
    }
    rmSync(join(path, before), { recursive: true, force: true });
  };
  swap(files);
  return { path, swap, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A folder without links. */
export function createPlainFolder(files: Files): { path: string; write(files: Files): void; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "plain-"));
  writeFiles(path, files);
  return {
    path,
    write: (more) => writeFiles(path, more),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function writeFiles(folder: string, files: Files): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}
