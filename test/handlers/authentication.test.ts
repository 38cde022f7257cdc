import { describe, expect, it } from "vitest";
import { createTestApp, problemOf, sourceConfig, validMetrics } from "../support/app.ts";

function createGuardedApp(tokens: readonly string[] | undefined) {
  return createTestApp({
    sources: [sourceConfig({ authentication: { method: "Bearer", token: { env: "SOURCE" } } })],
    administration: { token: { env: "ADMIN" } },
    secrets: { SOURCE: tokens, ADMIN: ["root"] },
  });
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe("a source's credential", () => {
  it("lets the right token in, whatever the scheme's case", async () => {
    const { post } = createGuardedApp(["secret"]);
    expect((await post("/webhooks/raw", validMetrics, bearer("secret"))).status).toBe(200);
    expect((await post("/webhooks/raw", validMetrics, { Authorization: "bearer secret" })).status).toBe(200);
  });

  it.each([
    ["no header", {}],
    ["a wrong token", bearer("Secret")],
    ["a longer token", bearer("secretsecret")],
    ["an empty token", { Authorization: "Bearer " }],
    ["another scheme", { Authorization: "Basic c2VjcmV0" }],
  ] as [string, Record<string, string>][])("turns %s away with 401", async (_, headers) => {
    const { post, app } = createGuardedApp(["secret"]);
    const response = await post("/webhooks/raw", validMetrics, headers);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await problemOf(response)).toMatchObject({ status: 401 });
    const status = await app.request("/status", { headers: bearer("root") });
    expect(await status.json()).toMatchObject({ received: 0, refused: { unauthorized: 1 } });
  });

  it("takes every current token, and none that was rotated out", async () => {
    const { post, secrets } = createGuardedApp(["old", "new"]);
    const send = async (token: string) => (await post("/webhooks/raw", validMetrics, bearer(token))).status;
    expect([await send("old"), await send("new")]).toEqual([200, 200]);
    secrets.SOURCE = ["new", "newest"];
    expect([await send("old"), await send("new"), await send("newest")]).toEqual([401, 200, 200]);
  });

  it("asks to come back while the secret cannot be read yet", async () => {
    const { post, secrets } = createGuardedApp(undefined);
    const response = await post("/webhooks/raw", validMetrics, bearer("secret"));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    secrets.SOURCE = ["secret"];
    expect((await post("/webhooks/raw", validMetrics, bearer("secret"))).status).toBe(200);
  });

  it("is not asked of a source without authentication", async () => {
    const { post } = createTestApp({ sources: [sourceConfig({ authentication: undefined })] });
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(200);
  });

  it("does not open the operator's routes", async () => {
    const { app } = createGuardedApp(["secret"]);
    expect((await app.request("/status", { headers: bearer("secret") })).status).toBe(401);
  });
});

describe("the administration token", () => {
  const routes: [method: string, path: string][] = [
    ["GET", "/status"],
    ["GET", "/status/"],
    ["GET", "/metrics"],
    ["GET", "/dead-letters"],
    ["GET", "/dead-letters/"],
    ["GET", "/dead-letters/1"],
    ["DELETE", "/dead-letters/1"],
    ["POST", "/dead-letters/1/replay"],
    ["POST", "/timer/flush"],
    ["POST", "/timer/flush/"],
  ];

  it.each(routes)("%s %s needs it", async (method, path) => {
    const { app, flushes } = createGuardedApp(["secret"]);
    const denied = await app.request(path, { method });
    expect(denied.headers.get("www-authenticate")).toBe("Bearer");
    expect(await problemOf(denied)).toMatchObject({ status: 401 });
    expect(flushes).toEqual([]);
    const granted = await app.request(path, { method, headers: bearer("root") });
    expect([200, 404]).toContain(granted.status);
  });

  it.each(routes)("%s %s is open when none is configured", async (method, path) => {
    const { app } = createTestApp();
    expect([200, 404]).toContain((await app.request(path, { method })).status);
  });

  it("that cannot be read yet closes the routes with 503", async () => {
    const { app } = createTestApp({ administration: { token: { env: "ADMIN" } } });
    expect((await app.request("/status", { headers: bearer("x") })).status).toBe(503);
  });

  it.each(["/livez", "/readyz"])("%s never needs it", async (path) => {
    const { app } = createGuardedApp(["secret"]);
    expect((await app.request(path)).status).toBe(200);
  });
});
