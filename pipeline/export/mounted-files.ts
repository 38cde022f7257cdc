import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { MaterialError } from "./pem.ts";

/** Kubernetes takes no larger Secret or ConfigMap. Source: Kubernetes, "Secrets", "Size limit". */
const fileBytesMax = 1_048_576;

/** More than a whole store of public authorities has. */
const filesMax = 1000;

/** A folder that is written at this moment is stable at one of these. */
const attemptsMax = 3;

/** Where files are: those of a folder that are wanted, or single ones, by the name that messages give them. */
export type FileSource =
  | { folder: string; isWanted: (name: string) => boolean }
  | { files: Readonly<Record<string, string>> };

/** The files at one moment. */
export interface FilesReading {
  /** Another one whenever a file came, went or changed. */
  version: string;
  files: ReadonlyMap<string, string>;
}

/**
 * Read files that may be replaced at any time, all of the same generation: what is read is compared with the files as
 * they are afterwards, and read again when they have changed.
 *
 * Shape:  undefined when the files are still at `knownVersion`. A text has a character for each byte.
 * Errors: MaterialError when a file is too large, or when the files do not come to rest; those of the file system.
 */
export function readMountedFiles(source: FileSource, knownVersion?: string): FilesReading | undefined {
  for (let attempt = 1; ; attempt++) {
    try {
      const { version, paths } = survey(source);
      if (version === knownVersion) return undefined;
      const files = new Map(paths.map(([name, path]) => [name, readFileSync(path, "latin1")]));
      if (survey(source).version === version) return { version, files };
      if (attempt === attemptsMax) throw new MaterialError("Cannot read the files: they change all the time");
    } catch (error) {
      // A generation is removed once the next one is in place.
      if (attempt === attemptsMax || errorCode(error) !== "ENOENT") throw error;
    }
  }
}

function survey(source: FileSource): { version: string; paths: [name: string, path: string][] } {
  const found = pathsOf(source).map(([name, path]) => ({
    name,
    path,
    stats: statSync(path, { bigint: true }),
  }));
  const files = found.filter(({ stats }) => stats.isFile());
  if (files.length > filesMax) {
    throw new MaterialError(`Cannot read the folder: ${files.length} files, limit is ${filesMax}`);
  }
  const versions = files.map(({ name, path, stats: { ino, size, mtimeNs, ctimeNs } }) => {
    if (size > fileBytesMax) {
      throw new MaterialError(`Cannot read ${name}: ${size} bytes, limit is ${fileBytesMax}`);
    }
    return [path, ino, size, mtimeNs, ctimeNs].join();
  });
  return { version: versions.join("\n"), paths: files.map(({ name, path }) => [name, path]) };
}

function pathsOf(source: FileSource): [name: string, path: string][] {
  if ("files" in source) return Object.entries(source.files);
  // Kubernetes keeps each generation in a folder that never changes, and swaps a link to it.
  const link = join(source.folder, "..data");
  const generation = realpathSync(existsSync(link) ? link : source.folder);
  const names = readdirSync(generation).filter(source.isWanted).sort();
  return names.map((name) => [name, join(generation, name)]);
}
