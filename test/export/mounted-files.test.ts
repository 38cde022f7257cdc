import { mkdirSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type FilesReading, readMountedFiles } from "../../pipeline/export/mounted-files.ts";
import { createMountedFolder, createPlainFolder } from "../support/mounted-folder.ts";

const removing: (() => void)[] = [];
afterEach(() => {
  for (const remove of removing.splice(0)) remove();
});

function mounted(files: Record<string, string | Uint8Array>) {
  const folder = createMountedFolder(files);
  removing.push(folder.remove);
  return folder;
}

function plain(files: Record<string, string | Uint8Array>) {
  const folder = createPlainFolder(files);
  removing.push(folder.remove);
  return folder;
}

const any = () => true;

function readFolder(
  folder: string,
  isWanted: (name: string) => boolean,
  known?: string,
): FilesReading | undefined {
  return readMountedFiles({ folder, isWanted }, known);
}

describe("readMountedFiles()", () => {
  it.each([
    ["as Kubernetes mounts it", mounted],
    ["without links", plain],
  ])("reads the wanted files of a folder %s", (_kind, create) => {
    const { path } = create({ "a.crt": "A", "b.key": "B", other: "C" });
    const { files } = readFolder(path, (name) => name !== "other") ?? {};
    expect([...(files ?? [])]).toEqual([
      ["a.crt", "A"],
      ["b.key", "B"],
    ]);
  });

  it("gives each byte as a character", () => {
    const { path } = plain({ a: Uint8Array.of(0x30, 0x82, 0xff) });
    expect(readFolder(path, any)?.files.get("a")).toBe("\x30\x82\xff");
  });

  it("gives nothing while the folder is at the known version", () => {
    const { path } = mounted({ a: "A" });
    const version = readFolder(path, any)?.version;
    expect(readFolder(path, any, version)).toBeUndefined();
  });

  it("sees another generation, also of the same bytes", () => {
    const folder = mounted({ a: "A" });
    const version = readFolder(folder.path, any)?.version;
    folder.swap({ a: "A" });
    expect(readFolder(folder.path, any, version)?.files.get("a")).toBe("A");
  });

  it("sees a file that came, one that went and one that changed", () => {
    const folder = plain({ a: "A", b: "B" });
    let { version } = readFolder(folder.path, any) ?? {};
    const next = (isWanted = any as (name: string) => boolean) => {
      const reading = readFolder(folder.path, isWanted, version);
      version = reading?.version;
      return [...(reading?.files.keys() ?? [])];
    };
    folder.write({ c: "C" });
    expect(next()).toEqual(["a", "b", "c"]);
    expect(next((name) => name !== "b")).toEqual(["a", "c"]);
    utimesSync(join(folder.path, "c"), 1, 1);
    expect(next()).toEqual(["a", "b", "c"]);
  });

  it("never mixes two generations, when the next one comes while files are read", () => {
    const folder = mounted({ a: "1", b: "1" });
    let swaps = 0;
    // The listing is asked for its names before and after the files are read.
    const reading = readFolder(folder.path, (name) => {
      if (name === "b" && ++swaps === 1) folder.swap({ a: "2", b: "2" });
      return true;
    });
    expect([...(reading?.files.values() ?? [])]).toEqual(["2", "2"]);
  });

  it("never mixes old and new files of a folder without links", () => {
    const folder = plain({ a: "1", b: "1" });
    let calls = 0;
    const reading = readFolder(folder.path, (name) => {
      if (name === "b" && ++calls === 2) folder.write({ a: "two", b: "two" });
      return true;
    });
    expect([...(reading?.files.values() ?? [])]).toEqual(["two", "two"]);
  });

  it("leaves alone what an earlier generation left behind", () => {
    const { path } = mounted({ a: "A" });
    symlinkSync("..data/gone", join(path, "gone"));
    expect([...(readFolder(path, any)?.files.keys() ?? [])]).toEqual(["a"]);
  });

  it("gives up on a folder that changes all the time", () => {
    const folder = plain({ a: "" });
    let text = "";
    const restless = () => {
      text += "x";
      folder.write({ a: text });
      return true;
    };
    expect(() => readFolder(folder.path, restless)).toThrow(
      "Cannot read the files: they change all the time",
    );
  });

  it("refuses a file that no secret holds, and leaves folders alone", () => {
    const folder = plain({ "big.pem": new Uint8Array(1_048_577) });
    mkdirSync(join(folder.path, "sub.pem"));
    expect(() => readFolder(folder.path, any)).toThrow(
      "Cannot read big.pem: 1048577 bytes, limit is 1048576",
    );
    expect(readFolder(folder.path, (name) => name === "sub.pem")?.files.size).toBe(0);
  });

  it("reads single files under the names that they are given", () => {
    const { path, write } = plain({ "1.pem": "A", "2.pem": "B" });
    const source = { files: { "the key file": join(path, "2.pem"), other: join(path, "1.pem") } };
    const { version, files } = readMountedFiles(source) ?? {};
    expect([...(files ?? [])]).toEqual([
      ["the key file", "B"],
      ["other", "A"],
    ]);
    expect(readMountedFiles(source, version)).toBeUndefined();
    write({ "2.pem": "other" });
    expect(readMountedFiles(source, version)?.files.get("the key file")).toBe("other");
  });

  it("throws the file system's error for a folder that is not there", () => {
    expect(() => readFolder("/does/not/exist", any)).toThrow("ENOENT");
  });
});
