import { renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { useFolder } from "./support.ts";

const inFolder = useFolder();
let file: string;

beforeEach(() => {
  file = inFolder("token");
});

function openFile() {
  const clock = createFakeClock();
  return { clock, secret: createSecrets({ clock, environment: {} }).open({ file }) };
}

describe("secret in a file", () => {
  it("has one value a line, trimmed, without empty lines", () => {
    writeFileSync(file, "\uFEFF one \r\n\n\ttwo\n  \n");
    expect(openFile().secret.current()).toEqual(["one", "two"]);
  });

  it("is undefined until it can be read for the first time", () => {
    const { clock, secret } = openFile();
    expect(secret.current()).toBeUndefined();

    writeFileSync(file, "one\n");
    clock.advance(5000);
    expect(secret.current()).toEqual(["one"]);
  });

  it("is undefined while the file was always empty", () => {
    writeFileSync(file, "\n \n");
    expect(openFile().secret.current()).toBeUndefined();
  });

  it.each(["CERTIFICATE", "PRIVATE KEY"])(
    "is undefined for a %s, whose first line anybody knows",
    (label) => {
      writeFileSync(file, `# admin\r\n-----BEGIN ${label}-----\r\nMIIB\r\n-----END ${label}-----\r\n`);
      expect(openFile().secret.current()).toBeUndefined();
    },
  );

  it("shows a change after 5 s, and not before", () => {
    writeFileSync(file, "one");
    const { clock, secret } = openFile();
    expect(secret.current()).toEqual(["one"]);

    writeFileSync(file, "two, and longer");
    clock.advance(4999);
    expect(secret.current()).toEqual(["one"]);
    clock.advance(1);
    expect(secret.current()).toEqual(["two, and longer"]);
  });

  it("notices another file in its place, of the same size and time", () => {
    const time = new Date("2026-01-05T10:00:00Z");
    writeFileSync(file, "one");
    utimesSync(file, time, time);
    const { clock, secret } = openFile();
    expect(secret.current()).toEqual(["one"]);

    writeFileSync(`${file}.new`, "two");
    utimesSync(`${file}.new`, time, time);
    renameSync(`${file}.new`, file);
    clock.advance(5000);
    expect(secret.current()).toEqual(["two"]);
  });

  it("keeps the last good content while the file is gone or empty, and reads what comes then", () => {
    writeFileSync(file, "one");
    const { clock, secret } = openFile();
    expect(secret.current()).toEqual(["one"]);

    rmSync(file);
    clock.advance(5000);
    expect(secret.current()).toEqual(["one"]);

    writeFileSync(file, "");
    clock.advance(5000);
    expect(secret.current()).toEqual(["one"]);

    writeFileSync(file, "two");
    clock.advance(5000);
    expect(secret.current()).toEqual(["two"]);
  });

  it("is the same secret for all who open the same file", () => {
    const secrets = createSecrets({ clock: createFakeClock(), environment: {} });
    expect(secrets.open({ file })).toBe(secrets.open({ file }));
  });
});

describe("secret in the environment", () => {
  it("is read once, and trimmed", () => {
    const environment: Record<string, string> = { TOKEN: " one \n" };
    const secret = createSecrets({ clock: createFakeClock(), environment }).open({ env: "TOKEN" });
    environment.TOKEN = "two";
    expect(secret.current()).toEqual(["one"]);
  });

  it.each([{}, { TOKEN: "" }, { TOKEN: " " }])("is undefined for %j", (environment) => {
    const secrets = createSecrets({ clock: createFakeClock(), environment });
    expect(secrets.open({ env: "TOKEN" }).current()).toBeUndefined();
  });
});

describe("faultOf() a secret", () => {
  it.each([
    ["nothing of one that can be used", { TOKEN: "one" }, undefined],
    ["that it is not set", {}, "is not set"],
    ["that it is empty", { TOKEN: " \n" }, "is empty"],
    ["that it is a key", { TOKEN: "-----BEGIN PRIVATE KEY-----\nMC4C\n" }, "is a certificate or key"],
  ])("in the environment says %s", (_, environment, expected) => {
    const secrets = createSecrets({ clock: createFakeClock(), environment });
    expect(secrets.faultOf({ env: "TOKEN" })).toBe(expected);
  });

  it("in a file says whether it cannot be found, read or used", () => {
    const { faultOf } = createSecrets({ clock: createFakeClock(), environment: {} });
    rmSync(file, { force: true });
    expect(faultOf({ file })).toBe("cannot be found");
    expect(faultOf({ file: dirname(file) })).toBe("cannot be read (EISDIR)");
    writeFileSync(file, "\n");
    expect(faultOf({ file })).toBe("is empty");
    writeFileSync(file, "-----BEGIN CERTIFICATE-----\n");
    expect(faultOf({ file })).toBe("is a certificate or key");
    writeFileSync(file, "one\n");
    expect(faultOf({ file })).toBeUndefined();
  });
});
