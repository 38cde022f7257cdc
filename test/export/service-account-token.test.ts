import { describe, expect, it } from "vitest";
import { createServiceAccountToken } from "../../pipeline/export/service-account-token.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createToken } from "../support/token.ts";

const clock = createFakeClock();
const nowSeconds = clock.nowUs() / 1_000_000;

function given(...tokens: string[]) {
  let values: readonly string[] | undefined = tokens.length === 0 ? undefined : tokens;
  return {
    token: createServiceAccountToken({ token: { current: () => values }, audience: "otel", clock }),
    replace(next: string) {
      values = [next];
    },
  };
}

describe("createServiceAccountToken()", () => {
  it("sends the token as it is now", () => {
    const first = createToken({ aud: ["otel", "other"], exp: nowSeconds + 600, nbf: nowSeconds });
    const { token, replace } = given(first);
    expect(token.authorization.current()).toEqual([`Bearer ${first}`]);
    expect(token.state()).toEqual({
      fault: undefined,
      doubt: undefined,
      expiresAtUs: (nowSeconds + 600) * 1_000_000,
    });
    const second = createToken({ aud: "otel", exp: nowSeconds + 1200 });
    replace(second);
    expect(token.state().expiresAtUs).toBe((nowSeconds + 1200) * 1_000_000);
    expect(token.authorization.current()).toEqual([`Bearer ${second}`]);
  });

  it("is at fault while the token cannot be read", () => {
    const { token } = given();
    expect(token.authorization.current()).toBeUndefined();
    expect(token.state().fault).toBe(
      "The service account token cannot be read: check that its file is mounted and not empty",
    );
  });

  it("is at fault when the token is for another audience, and does not repeat all of a long one", () => {
    const { token, replace } = given(createToken({ aud: ["https://kubernetes.default.svc", "x"] }));
    expect(token.state().fault).toBe(
      'The service account token is for the audience "https://kubernetes.default.svc, x", wanted "otel": project one for that audience',
    );
    replace(createToken({ aud: "y".repeat(1000) }));
    expect(token.state().fault?.length).toBeLessThan(400);
    replace(createToken({ aud: "otel" }));
    expect(token.state().fault).toBeUndefined();
  });

  it("doubts a token that has expired, from that moment on", () => {
    const moving = createFakeClock();
    const text = createToken({ aud: "otel", exp: nowSeconds + 1 });
    const token = createServiceAccountToken({
      token: { current: () => [text] },
      audience: "otel",
      clock: moving,
    });
    moving.advance(999);
    expect(token.state().doubt).toBeUndefined();
    moving.advance(1);
    expect(token.state()).toMatchObject({
      fault: undefined,
      doubt: "The service account token expired at 2026-01-05T10:00:01.000Z: check what renews its file",
    });
  });

  it("doubts a token that is not valid yet", () => {
    const { token } = given(createToken({ aud: "otel", nbf: nowSeconds + 60 }));
    expect(token.state()).toMatchObject({
      fault: undefined,
      doubt: "The service account token is not valid before 2026-01-05T10:01:00.000Z: check the clock",
    });
  });

  it.each([
    ["a plain text", "s3cret-text"],
    ["three parts that are none", "a.b.c"],
    ["JSON that is no object", `e30.${Buffer.from("[1]").toString("base64url")}.x`],
    ["a null", `e30.${Buffer.from("null").toString("base64url")}.x`],
  ])("sends what is no JSON Web Token, and doubts it: %s", (_what, text) => {
    const { token } = given(text);
    const { fault, doubt, expiresAtUs } = token.state();
    expect(fault).toBeUndefined();
    expect(doubt).toBe(
      "The service account token is not a JSON Web Token: check that its file holds a projected token",
    );
    expect(expiresAtUs).toBeUndefined();
    expect(token.authorization.current()).toEqual([`Bearer ${text}`]);
  });

  it("takes no claim of a wrong type for one", () => {
    const { token } = given(createToken({ aud: 7, exp: "soon", nbf: 1e300 }));
    expect(token.state()).toEqual({ fault: undefined, doubt: undefined, expiresAtUs: undefined });
  });
});
