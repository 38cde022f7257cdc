import { createHmac } from "node:crypto";
import { Hono } from "hono";
import { delay, HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Authenticator, openToAll } from "../../handlers/authentication/authentication.ts";
import { createSourceAuthenticator } from "../../handlers/authentication/methods.ts";
import { createGate } from "../../handlers/gate.ts";
import { createWebhook } from "../../handlers/webhook.ts";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import type { Adapter, Handshake, HandshakeRequest } from "../../pipeline/source/adapter.ts";
import { createRawAdapter } from "../../pipeline/source/raw.ts";
import { createTestApp, problemOf, sourceConfig, validMetrics } from "../support/app.ts";

const internet = setupServer();
beforeAll(() => internet.listen({ onUnhandledRequest: "error" }));
afterEach(() => internet.resetHandlers());
afterAll(() => internet.close());

type Answer = (request: HandshakeRequest) => Handshake | undefined;

interface Options {
  methods?: readonly ("OPTIONS" | "GET")[];
  confirmationHosts?: string[];
  authenticator?: Authenticator;
}

/** A source whose adapter answers handshakes as it is told; what is none is a raw message. */
function open(
  answer: Answer,
  { methods = ["OPTIONS", "GET"], confirmationHosts = [], ...more }: Options = {},
) {
  const source = sourceConfig({ confirmationHosts });
  const { clock, telemetry, logger, store } = createTestApp({ sources: [source] });
  const adapter: Adapter = { ...createRawAdapter({}), handshake: { methods, answer } };
  let entered = 0;
  const webhook = createWebhook({
    source,
    adapter,
    authenticator: more.authenticator ?? openToAll,
    receiver: {
      receive: async () => ({ accepted: 1, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 }),
      replay: async () => ({ kind: "gone" }),
    },
    bodyBytesMax: 2000,
    acknowledgeTimeoutMs: 1000,
    counters: telemetry.requests,
    clock,
    logger,
    gate: {
      enter() {
        entered += 1;
        return true;
      },
      leave: () => {},
    },
    bodies: createGate(1_000_000),
    isStopping: () => false,
    retryAfterSeconds: () => 1,
  });
  const app = new Hono().all("/", webhook);
  return {
    clock,
    logger,
    store,
    refused: () => telemetry.requests.totals(),
    entered: () => entered,
    send: async (method: string, init: RequestInit = {}, path = "/") =>
      app.request(path, { method, ...init }),
  };
}

describe("a handshake", () => {
  it.each(["OPTIONS", "GET"])("by %s is answered as the adapter wants", async (method) => {
    const asked: HandshakeRequest[] = [];
    const { send, entered } = open((request) => {
      asked.push(request);
      return { status: 200, headers: { "WebHook-Allowed-Origin": "a.example" }, body: { yes: true } };
    });
    const response = await send(method, { headers: { "WebHook-Request-Origin": "a.example" } }, "/?x=1");
    expect(response.status).toBe(200);
    expect(response.headers.get("webhook-allowed-origin")).toBe("a.example");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({ yes: true });
    expect(asked[0]).toMatchObject({ method, body: new Uint8Array() });
    expect(asked[0]?.headers.get("webhook-request-origin")).toBe("a.example");
    expect(asked[0]?.query.get("x")).toBe("1");
    expect(entered()).toBe(0);
  });

  it("without a body has no content type", async () => {
    const response = await open(() => ({ status: 204 })).send("OPTIONS");
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      204,
      null,
      "",
    ]);
  });

  it("by POST is answered before the body is read as messages", async () => {
    const { send, entered } = open(({ method, headers, body }) =>
      headers.get("aeg-event-type") === "SubscriptionValidation"
        ? { status: 200, body: { method, code: Buffer.from(body).toString() } }
        : undefined,
    );
    const headers = { "aeg-event-type": "SubscriptionValidation" };
    const response = await send("POST", { body: "c-1", headers });
    expect(await response.json()).toEqual({ method: "POST", code: "c-1" });
    const message = await send("POST", { body: validMetrics, headers: { "Mqtt-Topic": "a" } });
    expect(await message.json()).toMatchObject({ accepted: 1 });
    expect(entered()).toBe(2);
  });

  it("that the adapter does not know is 405 with every method that the source takes", async () => {
    const { send } = open(() => undefined);
    for (const method of ["OPTIONS", "GET", "PUT", "DELETE", "HEAD"]) {
      const response = await send(method);
      expect([method, response.status, response.headers.get("allow")]).toEqual([
        method,
        405,
        "POST, OPTIONS, GET",
      ]);
    }
  });

  it("by a method that the adapter does not take is 405, and the adapter never sees it", async () => {
    const { send } = open(() => ({ status: 200 }), { methods: ["OPTIONS"] });
    const response = await send("GET");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
    expect((await send("OPTIONS")).status).toBe(200);
  });

  it.each([
    [400, "badEnvelope"],
    [403, "unauthorized"],
  ] as const)(
    "that is answered %i is a problem, counted as %s, and its notice is for the log alone",
    async (status, reason) => {
      const { send, refused, logger } = open(() => ({
        status,
        notice: "Asked by evil.example",
        headers: { Allow: "POST" },
      }));
      const response = await send("OPTIONS");
      expect(response.headers.get("allow")).toBe("POST");
      const problem = await problemOf(response);
      expect(problem.status).toBe(status);
      expect(JSON.stringify(problem)).not.toContain("evil");
      expect(refused()[reason]).toBe(1);
      expect(logger.lines[0]?.fields).toMatchObject({ notice: "Asked by evil.example" });
    },
  );

  it.each([
    [new EnvelopeError("Cannot read the handshake"), 400],
    [new ContentTypeError("Cannot read text/csv"), 415],
    [new Error("Unexpected"), 503],
  ])("that fails with %s is answered %i", async (error, status) => {
    const { send } = open(() => {
      throw error;
    });
    expect(await problemOf(await send("OPTIONS"))).toMatchObject({ status });
    expect(await problemOf(await send("POST", { body: "x" }))).toMatchObject({ status });
  });

  it("with a header that HTTP cannot carry is a failure of ours, not a crash", async () => {
    const { send } = open(() => ({ status: 200, headers: { "WebHook-Allowed-Origin": "a\r\nb: c" } }));
    expect((await send("OPTIONS")).status).toBe(503);
  });
});

describe("a handshake and the credential", () => {
  const guarded = (method: "Bearer" | "HmacSha256") =>
    createSourceAuthenticator(
      sourceConfig({
        authentication:
          method === "Bearer"
            ? { method, token: { env: "T" } }
            : { method, key: { env: "T" }, header: "X-Signature", timestamp: undefined },
      }),
      { secrets: () => ({ current: () => ["secret"] }), clock: createTestApp().clock },
    );

  it("OPTIONS brings none, GET and POST need it", async () => {
    let answered = 0;
    const { send } = open(
      () => {
        answered += 1;
        return { status: 200 };
      },
      { authenticator: guarded("Bearer") },
    );
    expect((await send("OPTIONS")).status).toBe(200);
    expect((await send("GET")).status).toBe(401);
    expect((await send("POST", { body: "x" })).status).toBe(401);
    expect(answered).toBe(1);
    const headers = { Authorization: "Bearer secret" };
    expect((await send("GET", { headers })).status).toBe(200);
    expect((await send("POST", { body: "x", headers })).status).toBe(200);
  });

  it("a signature is checked, also of a GET that has no body to sign", async () => {
    const { send } = open(() => ({ status: 200 }), { authenticator: guarded("HmacSha256") });
    const of = (body: string) => ({
      "X-Signature": createHmac("sha256", "secret").update(body).digest("hex"),
    });
    expect((await send("GET", { headers: of("x") })).status).toBe(401);
    expect((await send("GET", { headers: of("") })).status).toBe(200);
    expect((await send("POST", { body: "y", headers: of("x") })).status).toBe(401);
    expect((await send("POST", { body: "x", headers: of("x") })).status).toBe(200);
  });

  it("a credential in the query is not shown to the adapter", async () => {
    const authenticator = createSourceAuthenticator(
      sourceConfig({ authentication: { method: "UrlSecret", secret: { env: "T" }, parameter: "key" } }),
      { secrets: () => ({ current: () => ["secret"] }), clock: createTestApp().clock },
    );
    const seen: string[] = [];
    const { send } = open(
      ({ query }) => {
        seen.push(query.toString());
        return { status: 200 };
      },
      { authenticator },
    );
    await send("POST", { body: "x" }, "/?a=1&key=secret&b=2");
    await send("OPTIONS", {}, "/?key=secret");
    expect(seen).toEqual(["a=1&b=2", ""]);
  });
});

describe("a notice", () => {
  it("is logged for the operator, at most once a second, with how many were left out", async () => {
    const { send, logger, clock } = open(() => ({ status: 200, notice: "Open https://a.example/confirm" }));
    for (let i = 0; i < 3; i++) await send("OPTIONS");
    expect(logger.lines.map(({ level }) => level)).toEqual(["info"]);
    clock.advance(1000);
    await send("OPTIONS");
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { source: "raw", notice: "Open https://a.example/confirm", suppressed: 0 },
      { source: "raw", notice: "Open https://a.example/confirm", suppressed: 2 },
    ]);
  });
});

describe("a confirmation", () => {
  const address = "https://iot.eu-central-1.amazonaws.com/confirmdestination/AYAD-token";
  const host = "iot.eu-central-1.amazonaws.com";

  function confirming(confirmAt = address) {
    const opened = open(() => ({ status: 200, confirmAt: new URL(confirmAt) }), {
      confirmationHosts: [host.toUpperCase()],
    });
    /** Resolves with the next line of the log. */
    const logged = async () => {
      await expect.poll(() => opened.logger.lines.length).toBeGreaterThan(0);
      return opened.logger.lines.at(-1);
    };
    return { ...opened, logged, ask: () => opened.send("POST", { body: "x" }) };
  }

  it("is fetched once, without anything of ours in it, and the log has its host alone", async () => {
    const seen: Request[] = [];
    internet.use(
      http.get(address, ({ request }) => {
        seen.push(request);
        return HttpResponse.text("confirmed");
      }),
    );
    const { ask, logged, logger } = confirming();
    expect((await ask()).status).toBe(200);
    expect(await logged()).toMatchObject({
      level: "info",
      fields: { source: "raw", host, confirmed: 1, failed: 0 },
    });
    expect(seen.map(({ method, url }) => [method, url])).toEqual([["GET", address]]);
    expect(seen[0]?.headers.get("authorization")).toBeNull();
    expect(JSON.stringify(logger.lines)).not.toContain("AYAD");
  });

  it("is not waited for", async () => {
    const held = Promise.withResolvers<void>();
    internet.use(
      http.get(address, async () => {
        await held.promise;
        return HttpResponse.text("late");
      }),
    );
    const { ask, logged } = confirming();
    expect((await ask()).status).toBe(200);
    held.resolve();
    expect(await logged()).toMatchObject({ level: "info" });
  });

  it("is given up after 5 seconds", async () => {
    internet.use(http.get(address, () => delay("infinite")));
    const { ask, logged, clock } = confirming();
    await ask();
    expect(await clock.asleep()).toBe(5000);
    clock.advance(5000);
    expect(await logged()).toMatchObject({
      level: "warn",
      fields: { host, reason: "No answer within 5 s", failed: 1 },
    });
  });

  it("does not follow a redirect", async () => {
    let followed = 0;
    internet.use(
      http.get(address, () => HttpResponse.redirect("https://elsewhere.example/x", 302)),
      http.get("https://elsewhere.example/x", () => {
        followed += 1;
        return HttpResponse.text("");
      }),
    );
    const { ask, logged, logger } = confirming();
    await ask();
    expect(await logged()).toMatchObject({ level: "warn", fields: { host, failed: 1 } });
    expect(followed).toBe(0);
    expect(JSON.stringify(logger.lines)).not.toMatch(/AYAD|elsewhere/);
  });

  it.each([
    ["a refusal", () => new HttpResponse(null, { status: 403 }), "It answered 403"],
    ["no connection", () => HttpResponse.error(), expect.any(String)],
  ])("that meets %s is logged", async (_, answer, reason) => {
    internet.use(http.get(address, answer));
    const { ask, logged, logger } = confirming();
    await ask();
    expect(await logged()).toMatchObject({ level: "warn", fields: { host, reason } });
    expect(JSON.stringify(logger.lines)).not.toContain("AYAD");
  });

  it.each([
    ["another host", "https://evil.example/confirm"],
    ["a host below it", `https://x.${host}/confirm`],
    ["a host above it", "https://amazonaws.com/confirm"],
    ["plain http", `http://${host}/confirm`],
    ["another port", `https://${host}:8443/confirm`],
    ["user info", `https://user:pass@${host}/confirm`],
    ["the host as user info", `https://${host}@evil.example/confirm`],
    ["this machine", "https://127.0.0.1/confirm"],
    ["a file", "file:///etc/passwd"],
  ])("at %s is never fetched, whatever the adapter says", async (_, elsewhere) => {
    let fetched = 0;
    internet.events.on("request:start", () => {
      fetched += 1;
    });
    const { ask, logged } = confirming(elsewhere);
    expect((await ask()).status).toBe(200);
    expect(await logged()).toMatchObject({ level: "warn" });
    expect(fetched).toBe(0);
    internet.events.removeAllListeners();
  });

  it("is one of at most four at a time", async () => {
    const held = Promise.withResolvers<void>();
    let fetched = 0;
    internet.use(
      http.get(address, async () => {
        fetched += 1;
        await held.promise;
        return HttpResponse.text("");
      }),
    );
    const { ask, logged, logger, clock } = confirming();
    for (let i = 0; i < 6; i++) await ask();
    expect(await logged()).toMatchObject({ fields: { reason: "Too many are under way", failed: 1 } });
    held.resolve();
    await expect.poll(() => logger.lines.length).toBe(2);
    expect(fetched).toBe(4);
    clock.advance(1000);
    await expect
      .poll(async () => {
        await ask();
        return logger.lines.at(-1)?.fields.confirmed;
      })
      .toBeGreaterThanOrEqual(5);
  });
});
