import { describe, expect, it } from "vitest";
import { readBaggage } from "../../pipeline/baggage.ts";

const keys = new Set(["user.id", "site"]);

function read(...texts: string[]): Record<string, string> {
  return Object.fromEntries(
    readBaggage(
      texts.map((text) => ["baggage", text]),
      keys,
    ),
  );
}

describe("readBaggage()", () => {
  it("reads the allowed entries and no others", () => {
    expect(read("user.id=7,session=secret,site=north")).toEqual({ "user.id": "7", site: "north" });
  });

  it("leaves out spaces and the properties of entries", () => {
    expect(read(" user.id\t= 7 ;secure;ttl=5 , site = north;site=south")).toEqual({
      "user.id": "7",
      site: "north",
    });
  });

  it.each([
    ["%41%42c", "ABc"],
    ["caf%C3%A9", "café"],
    ["caf%c3%a9%20%2C%3D", "café ,="],
    ["%EF%BB%BFx", "\ufeffx"],
    ["%C3x", "\ufffdx"],
    ["%", "%"],
    ["50%zz%2", "50%zz%2"],
    ["a=b=c", "a=b=c"],
    ["a+b", "a+b"],
    ["", ""],
  ])("decodes %s", (text, value) => {
    expect(read(`site=${text}`)).toEqual({ site: value });
  });

  it("reads several User Properties as one, and lets the last entry of a key count", () => {
    expect(read("site=a,user.id=1", "site=b")).toEqual({ site: "b", "user.id": "1" });
  });

  it.each(["", ",", ";", "site", "=", "=north", "site;a=b", ",,=,", "Site=x", "session"])(
    "finds nothing in %j",
    (text) => {
      expect(read(text)).toEqual({});
    },
  );

  it("passes over what is no entry", () => {
    expect(read("site,,user.id=1,=x,;")).toEqual({ "user.id": "1" });
  });

  it("knows the property by its exact name", () => {
    expect(readBaggage([["Baggage", "site=a"]], keys).size).toBe(0);
  });
});
