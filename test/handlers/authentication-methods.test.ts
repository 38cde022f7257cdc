import { createHmac } from "node:crypto";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { createSourceAuthenticator } from "../../handlers/authentication/methods.ts";
import type { SourceAuthentication } from "../../pipeline/config/config.ts";
import { createTestApp, problemOf, sourceConfig, validMetrics } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";

type Headers = Record<string, string>;

const unread: readonly string[] = [];

/** One source, `raw`; its secret is `SOURCE`. */
function guard(authentication: SourceAuthentication, values: readonly string[] = ["secret"]) {
  const test = createTestApp({
    sources: [sourceConfig({ authentication })],
    secrets: { SOURCE: values === unread ? undefined : values },
    limits: { bodyBytesMax: 1_000 },
  });
  const send = async (headers: Headers = {}, path = "/webhooks/raw", body = validMetrics) =>
    test.post(path, body, headers);
  const statusOf = async (...request: Parameters<typeof send>) => (await send(...request)).status;
  return { ...test, send, statusOf };
}

const secret = { env: "SOURCE" };
const basic = (pair: string) => ({ Authorization: `Basic ${Buffer.from(pair).toString("base64")}` });

describe("Basic", () => {
  const method: SourceAuthentication = { method: "Basic", username: "plant", password: secret };

  it("lets the right user name and password in, whatever the scheme's case, also beyond ASCII", async () => {
    const { statusOf } = guard(method, ["pa:ß"]);
    expect(await statusOf(basic("plant:pa:ß"))).toBe(200);
    const { Authorization } = basic("plant:pa:ß");
    expect(await statusOf({ Authorization: Authorization.replace("Basic", "bASIC") })).toBe(200);
  });

  it.each([
    ["no header", {}],
    ["a wrong password", basic("plant:Secret")],
    ["a longer password", basic("plant:secretsecret")],
    ["an empty password", basic("plant:")],
    ["another user", basic("Plant:secret")],
    ["no user", basic(":secret")],
    ["the password alone", basic("secret")],
    ["no pair", { Authorization: "Basic" }],
    ["what is not base64", { Authorization: "Basic plant:secret" }],
    ["another scheme", { Authorization: "Bearer secret" }],
  ] as [string, Headers][])("turns %s away with a challenge that has a realm", async (_, headers) => {
    const { send } = guard(method);
    const response = await send(headers);
    expect(response.headers.get("www-authenticate")).toBe('Basic realm="raw", charset="UTF-8"');
    expect(await problemOf(response)).toMatchObject({ status: 401 });
  });

  it("takes every current password, and none that was rotated out", async () => {
    const { statusOf, secrets } = guard(method, ["old", "new"]);
    expect([await statusOf(basic("plant:old")), await statusOf(basic("plant:new"))]).toEqual([200, 200]);
    secrets.SOURCE = ["new"];
    expect([await statusOf(basic("plant:old")), await statusOf(basic("plant:new"))]).toEqual([401, 200]);
  });

  it("asks to come back while the password cannot be read yet", async () => {
    const { statusOf } = guard(method, unread);
    expect(await statusOf(basic("plant:undefined"))).toBe(503);
  });
});

describe("UrlSecret", () => {
  const method: SourceAuthentication = { method: "UrlSecret", secret, parameter: "key" };

  it.each([
    "/webhooks/raw/secret",
    "/webhooks/raw/secret/",
    "/webhooks/raw/s%65cret?topic=a",
    "/webhooks/raw?key=secret",
    "/webhooks/raw/?topic=a&key=secret",
  ])("lets %s in", async (path) => {
    expect(await guard(method).statusOf({}, path)).toBe(200);
  });

  it.each([
    "/webhooks/raw",
    "/webhooks/raw/Secret",
    "/webhooks/raw/secretsecret",
    "/webhooks/raw?key=",
    "/webhooks/raw?key",
    "/webhooks/raw?KEY=secret",
    "/webhooks/raw?secret",
    "/webhooks/raw/wrong?key=secret",
    "/webhooks/raw?key=wrong&key=secret",
    "/webhooks/raw/%ff",
  ])("turns %s away", async (path) => {
    const response = await guard(method).send({ Authorization: "Bearer secret" }, path);
    expect(response.headers.get("www-authenticate")).toBe('UrlSecret realm="raw"');
    expect(await problemOf(response)).toMatchObject({ status: 401 });
  });

  it("takes a secret of any characters when they are percent-encoded", async () => {
    const { statusOf } = guard(method, ["a/b?c=%d+e ß"]);
    const encoded = encodeURIComponent("a/b?c=%d+e ß");
    expect([
      await statusOf({}, `/webhooks/raw/${encoded}`),
      await statusOf({}, `/webhooks/raw?key=${encoded}`),
    ]).toEqual([200, 200]);
  });

  it("takes every current secret, and none that was rotated out", async () => {
    const { statusOf, secrets } = guard(method, ["old", "new"]);
    expect([await statusOf({}, "/webhooks/raw/old"), await statusOf({}, "/webhooks/raw?key=new")]).toEqual([
      200, 200,
    ]);
    secrets.SOURCE = ["new"];
    expect([await statusOf({}, "/webhooks/raw/old"), await statusOf({}, "/webhooks/raw?key=new")]).toEqual([
      401, 200,
    ]);
  });

  it("asks to come back while the secret cannot be read yet", async () => {
    expect(await guard(method, unread).statusOf({}, "/webhooks/raw/undefined")).toBe(503);
  });

  it("gives no other source a route with a path behind its name", async () => {
    const bearer = guard({ method: "Bearer", token: secret });
    expect(await bearer.statusOf({ Authorization: "Bearer secret" }, "/webhooks/raw/secret")).toBe(404);
    expect(await guard({ method: "None" }).statusOf({}, "/webhooks/raw/x")).toBe(404);
    expect(await guard(method).statusOf({}, "/webhooks/nobody/secret")).toBe(404);
    expect(await guard(method).statusOf({}, "/webhooks/raw/secret/more")).toBe(404);
  });
});

describe("Bearer in the query", () => {
  function ask(adapter: "cloudevents" | "raw", path: string, headers: Headers = {}) {
    const authenticator = createSourceAuthenticator(
      sourceConfig({ adapter, authentication: { method: "Bearer", token: secret } }),
      { secrets: () => ({ current: () => ["secret"] }), clock: createFakeClock() },
    );
    const app = new Hono().all("*", (c) =>
      c.text(authenticator.check(c) === "granted" ? "granted" : "denied"),
    );
    return Promise.resolve(app.request(path, { headers })).then((response) => response.text());
  }

  it("is taken from CloudEvents senders, which may have no other place for it", async () => {
    expect(await ask("cloudevents", "/?access_token=secret")).toBe("granted");
    expect(await ask("cloudevents", "/", { Authorization: "Bearer secret" })).toBe("granted");
    expect(await ask("cloudevents", "/?access_token=Secret")).toBe("denied");
    expect(await ask("cloudevents", "/?access_token")).toBe("denied");
    expect(await ask("cloudevents", "/?token=secret")).toBe("denied");
  });

  it("does not make good for a wrong header", async () => {
    expect(await ask("cloudevents", "/?access_token=secret", { Authorization: "Bearer wrong" })).toBe(
      "denied",
    );
  });

  it("is not taken from others", async () => {
    expect(await ask("raw", "/?access_token=secret")).toBe("denied");
  });
});

describe("HmacSha256", () => {
  const method: SourceAuthentication = {
    method: "HmacSha256",
    key: secret,
    header: "X-Signature-256",
    timestamp: undefined,
  };
  const sign = (text: string, key = "secret") => createHmac("sha256", key).update(text).digest("hex");
  const signed = (signature: string): Headers => ({ "X-Signature-256": signature });

  it("lets the body's signature in, in either case and behind its prefix", async () => {
    const { statusOf } = guard(method);
    const signature = sign(validMetrics);
    expect(await statusOf(signed(signature))).toBe(200);
    expect(await statusOf(signed(signature.toUpperCase()))).toBe(200);
    expect(await statusOf(signed(`sha256=${signature}`))).toBe(200);
  });

  it("gives the signature that RFC 4231 has for its second case", async () => {
    const { statusOf } = guard(method, ["Jefe"]);
    const signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(await statusOf(signed(signature), "/webhooks/raw", "what do ya want for nothing?")).toBe(200);
  });

  it.each([
    ["no header", {}],
    ["another body's", signed(sign(`${validMetrics} `))],
    ["another key's", signed(sign(validMetrics, "Secret"))],
    ["half a signature", signed(sign(validMetrics).slice(0, 32))],
    ["a longer one", signed(`${sign(validMetrics)}00`)],
    ["what is not hex", signed("z".repeat(64))],
    ["base64", signed(createHmac("sha256", "secret").update(validMetrics).digest("base64"))],
    ["another prefix", signed(`sha1=${sign(validMetrics)}`)],
    ["the key itself", signed("secret")],
    ["a bearer token", { Authorization: "Bearer secret" }],
  ] as [string, Headers][])("turns %s away and stores nothing", async (_, headers) => {
    const { send, status } = guard(method);
    const response = await send(headers);
    expect(response.headers.get("www-authenticate")).toBe('HmacSha256 header="X-Signature-256"');
    expect(await problemOf(response)).toMatchObject({ status: 401 });
    expect(await status()).toMatchObject({ received: 0, refused: { unauthorized: 1 } });
  });

  it("signs an empty body", async () => {
    const { statusOf } = guard(method);
    expect(await statusOf(signed(sign("")), "/webhooks/raw", "")).toBe(200);
  });

  it("takes every current key, and none that was rotated out", async () => {
    const { statusOf, secrets } = guard(method, ["old", "new"]);
    const old = signed(sign(validMetrics, "old"));
    expect([await statusOf(old), await statusOf(signed(sign(validMetrics, "new")))]).toEqual([200, 200]);
    secrets.SOURCE = ["new"];
    expect(await statusOf(old)).toBe(401);
  });

  it("asks to come back while the key cannot be read yet", async () => {
    expect(await guard(method, unread).statusOf(signed(sign(validMetrics, "undefined")))).toBe(503);
  });

  it("reads no body of a sender without a signature, and none beyond the limit of one with it", async () => {
    const { app } = guard(method);
    let reads = 0;
    const post = (headers: Headers) => {
      const body = new ReadableStream({
        pull(controller) {
          reads += 1;
          controller.enqueue(new Uint8Array(500));
        },
      });
      const init = { method: "POST", body, duplex: "half", headers: { "Mqtt-Topic": "a", ...headers } };
      return app.request("/webhooks/raw", init as RequestInit);
    };
    expect((await post({})).status).toBe(401);
    expect(reads).toBeLessThanOrEqual(1);
    expect((await post(signed("0".repeat(64)))).status).toBe(413);
  });

  it("leaves half of the places to others, however slowly its senders' bodies come", async () => {
    const { app, post } = createTestApp({
      sources: [sourceConfig({ name: "hmac", authentication: method }), sourceConfig()],
      secrets: { SOURCE: ["secret"] },
      limits: { concurrentRequestsMax: 4 },
    });
    const held = Promise.withResolvers<void>();
    const sending = [1, 2, 3].map(async () => {
      const body = new ReadableStream({ pull: (controller) => held.promise.then(() => controller.close()) });
      const headers = { "Mqtt-Topic": "a", ...signed("0".repeat(64)) };
      const response = await app.request("/webhooks/hmac", {
        method: "POST",
        body,
        duplex: "half",
        headers,
      } as RequestInit);
      return response.status;
    });
    expect(await Promise.race(sending)).toBe(503);
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(200);
    held.resolve();
    expect(await Promise.all(sending)).toEqual([401, 401, 503]);
    const again = signed(sign(validMetrics));
    expect((await post("/webhooks/hmac", validMetrics, again)).status).toBe(200);
  });

  it("leaves half of the memory to others, however short an array of its senders is", async () => {
    const release = Promise.withResolvers<void>();
    const { app } = createTestApp({
      sources: [
        sourceConfig({ name: "hmac", adapter: "mqtt", authentication: method }),
        sourceConfig({ name: "open", adapter: "mqtt" }),
      ],
      secrets: { SOURCE: ["secret"] },
      limits: { bodyBytesMax: 200_000 },
      wrapStore: (store) => ({
        ...store,
        append: (arrivals) => release.promise.then(() => store.append(arrivals)),
      }),
    });
    const body = `[${"0,".repeat(65_535)}0]`;
    const headers = { "Content-Type": "application/json", ...signed(sign(body)) };
    const send = async (source: string) =>
      (await app.request(`/webhooks/${source}`, { method: "POST", body, headers })).status;
    const first = send("hmac");
    expect(await send("hmac")).toBe(503);
    const other = send("open");
    release.resolve();
    expect(await Promise.all([first, other])).toEqual([200, 200]);
  });

  it.each([
    ["no header", {}, "no such header"],
    ["what is not hex", signed("z"), "no 64 hex digits"],
    ["another key's", signed(sign("x")), "a signature that none of the source's keys makes of the body"],
  ] as [string, Headers, string][])("logs %s, and tells nothing of it", async (_, headers, met) => {
    const { send, logger } = guard(method);
    const text = await (await send(headers)).text();
    expect(logger.lines).toMatchObject([{ fields: { reason: "unauthorized", met } }]);
    expect(text).not.toContain(met);
    expect(JSON.stringify(logger.lines)).not.toMatch(/[0-9a-f]{64}/);
  });

  describe("with a timestamp", () => {
    const timed: SourceAuthentication = { ...method, timestamp: { header: "X-Time", toleranceMs: 300_000 } };
    const timeSigned = (time: string, body = validMetrics): Headers => ({
      "X-Time": time,
      ...signed(sign(`${time}.${body}`)),
    });
    const nowMs = Date.UTC(2026, 0, 5, 10);

    it.each([
      ["seconds", String(nowMs / 1000)],
      ["milliseconds", String(nowMs)],
      ["RFC 3339", "2026-01-05T11:00:00.5+01:00"],
      ["the earliest", String(nowMs - 300_000)],
      ["the latest", String(nowMs + 300_000)],
    ])("lets %s in", async (_, time) => {
      expect(await guard(timed).statusOf(timeSigned(time))).toBe(200);
    });

    it("keeps the boundary between time and body where it was signed", async () => {
      const { statusOf } = guard(timed);
      const headers = timeSigned(String(nowMs / 1000), "5.1");
      expect(await statusOf(headers, "/webhooks/raw", "5.1")).toBe(200);
      expect(await statusOf({ ...headers, "X-Time": `${nowMs / 1000}.5` }, "/webhooks/raw", "1")).toBe(401);
    });

    it.each([
      ["too early a time", timeSigned(String(nowMs - 400_000)), "a time 400 s ago: compare the clocks"],
      ["too late a time", timeSigned(String(nowMs + 400_000)), "a time 400 s ahead: compare the clocks"],
      ["no time", signed(sign("x")), "no such header"],
      ["what is no time", timeSigned("x"), "no time: wanted seconds, milliseconds or RFC 3339"],
      [
        "a forged signature",
        { ...signed(sign("x")), "X-Time": String(nowMs) },
        "a signature that none of the source's keys makes of X-Time (in time), a full stop and the body",
      ],
    ] as [string, Headers, string][])("logs %s, and tells nothing of it", async (_, headers, met) => {
      const { send, logger } = guard(timed);
      const text = await (await send(headers)).text();
      expect(logger.lines).toMatchObject([{ fields: { reason: "unauthorized", met } }]);
      expect(text).not.toContain(met);
    });

    it.each([
      ["too early a time", timeSigned(String(nowMs - 300_001))],
      ["too late a time", timeSigned(String(nowMs + 300_001))],
      ["no time", signed(sign(`null.${validMetrics}`))],
      ["an empty time", timeSigned("")],
      ["what is no time", timeSigned("yesterday")],
      ["a time in hex", timeSigned("0x695b8c20")],
      ["seconds with a fraction", timeSigned(`${nowMs / 1000}.250`)],
      ["a time that was not signed", { "X-Time": String(nowMs), ...signed(sign(validMetrics)) }],
      ["another time than the signed one", { ...timeSigned(String(nowMs)), "X-Time": String(nowMs + 1) }],
    ] as [string, Headers][])("turns %s away", async (_, headers) => {
      const { send } = guard(timed);
      expect(await problemOf(await send(headers))).toMatchObject({ status: 401 });
    });

    it("takes a replay for a duplicate while the time is near, and turns it away then", async () => {
      const { send, clock } = guard(timed);
      const request = { ...timeSigned(String(nowMs)), "Mqtt-Message-Id": "m-1", "Mqtt-Client-Id": "c" };
      expect(await (await send(request)).json()).toMatchObject({ accepted: 1 });
      clock.advance(300_000);
      expect(await (await send(request)).json()).toMatchObject({ accepted: 0, duplicates: 1 });
      clock.advance(1);
      const late = await problemOf(await send(request));
      expect(late).toMatchObject({ status: 401, detail: expect.stringContaining("at most 300 s from now") });
    });
  });
});
