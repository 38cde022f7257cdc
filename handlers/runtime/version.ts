import { existsSync, readFileSync } from "node:fs";

/** The package's version; package.json is one level higher when this file was compiled into dist/. */
export const version: string = readVersion();

function readVersion(): string {
  const candidates = ["../../package.json", "../../../package.json"].map(
    (path) => new URL(path, import.meta.url),
  );
  const found = candidates.find((url) => existsSync(url));
  if (found === undefined)
    throw new Error("Cannot read the version: package.json is missing beside the program");
  return (JSON.parse(readFileSync(found, "utf8")) as { version: string }).version;
}
