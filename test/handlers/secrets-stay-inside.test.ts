import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { SourceAuthentication } from "../../pipeline/config/config.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { createTestApp, sourceConfig, validMetrics } from "../support/app.ts";

const secrets = {
  BEARER: ["bearer-f3c1", "bearer-old-77aa"],
  BASIC: ["basic-91be"],
  HMAC: ["hmac-0d4e"],
  URL: ["url-52cc", "url/5 3?dd"],
  ADMIN: ["admin-e8a0"],
};
const basic = Buffer.from("plant:basic-91be").toString("base64");
const signature = (body: string) => createHmac("sha256", "hmac-0d4e").update(body).digest("hex");

/** Everything that must be seen nowhere; what is shown wrongly may be nearly right. */
const hidden = [
  ...Object.values(secrets).flat(),
  encodeURIComponent("url/5 3?dd"),
  basic,
  signature(validMetrics),
  "nearly-right",
  Buffer.from("plant:nearly-right").toString("base64"),
];

const methods: Record<string, SourceAuthentication> = {
  bearer: { method: "Bearer", token: { env: "BEARER" } },
  basic: { method: "Basic", username: "plant", password: { env: "BASIC" } },
  hmac: { method: "HmacSha256", key: { env: "HMAC" }, header: "X-Signature-256", timestamp: undefined },
  url: { method: "UrlSecret", secret: { env: "URL" }, parameter: "secret" },
};

type Request = [path: string, headers?: Record<string, string>];

const requests = (body: string): Request[] => [
  ["bearer", { Authorization: "Bearer bearer-f3c1" }],
  ["bearer", { Authorization: "Bearer bearer-old-77aa" }],
  ["bearer", { Authorization: "Bearer nearly-right" }],
  ["bearer?access_token=bearer-f3c1"],
  ["bearer/bearer-f3c1"],
  ["basic", { Authorization: `Basic ${basic}` }],
  ["basic", { Authorization: `Basic ${Buffer.from("plant:nearly-right").toString("base64")}` }],
  ["hmac", { "X-Signature-256": signature(body) }],
  ["hmac", { "X-Signature-256": `sha256=${signature("other")}` }],
  ["url/url-52cc"],
  ["url?secret=url-52cc"],
  ["url/url%2F5%203%3Fdd"],
  ["url/nearly-right"],
  ["url?secret=nearly-right&topic=a"],
  ["url/url-52cc/more"],
  ["nobody/url-52cc"],
];

function open(wrapStore?: (store: BatchStore) => BatchStore) {
  const adapters = ["raw", "mqtt"] as const;
  return createTestApp({
    sources: adapters.flatMap((adapter) =>
      Object.entries(methods).map(([name, authentication]) =>
        sourceConfig({ name: adapter === "raw" ? name : `${name}-${adapter}`, adapter, authentication }),
      ),
    ),
    administration: { token: { env: "ADMIN" } },
    secrets,
    ...(wrapStore ? { wrapStore } : {}),
  });
}

/** Sends each request with each body by each method to both kinds of sources; gives what it was answered. */
async function sendAll({
  app,
}: ReturnType<typeof open>): Promise<{ statuses: Set<number>; answers: string }> {
  const statuses = new Set<number>();
  let answers = "";
  for (const body of [validMetrics, "{", '[{"topic":"a"},{"topic":"b","payload":1}]', "x".repeat(100_001)]) {
    for (const [path, more = {}] of requests(body)) {
      for (const method of ["POST", "GET", "OPTIONS", "PUT"]) {
        for (const route of [path, path.replace(/^\w+/, "$&-mqtt")]) {
          const headers = { "Mqtt-Topic": "a", "Content-Type": "application/json", ...more };
          const init = method === "GET" ? { method, headers } : { method, headers, body };
          const response = await app.request(`/webhooks/${route}`, init);
          statuses.add(response.status);
          answers += JSON.stringify([...response.headers]) + (await response.text());
        }
      }
    }
  }
  return { statuses, answers };
}

async function operatorsView({ app }: ReturnType<typeof open>): Promise<string> {
  let view = "";
  for (const token of ["admin-e8a0", "nearly-right"]) {
    for (const path of [
      "/status",
      "/metrics",
      "/dead-letters?limit=1000",
      "/dead-letters/1",
      "/readyz",
      "/nothing",
    ]) {
      const response = await app.request(path, { headers: { Authorization: `Bearer ${token}` } });
      view += JSON.stringify([...response.headers]) + (await response.text());
    }
  }
  return view;
}

describe("a secret", () => {
  it("is in no answer, log line, counter or dead letter, whether it was right or wrong", async () => {
    const test = open();
    const { statuses, answers } = await sendAll(test);
    expect([...statuses].sort()).toEqual([200, 400, 401, 404, 405, 413]);
    const letters = await test.store.deadLetters.list({ afterId: 0, limit: 1000 });
    expect(letters.length).toBeGreaterThan(0);
    const view = await operatorsView(test);
    expect(view).toContain('"reason":"invalid');
    const written = JSON.stringify([
      test.logger.lines,
      letters.map((letter) => ({ ...letter, ...letter.message })),
    ]);
    for (const secret of hidden) {
      expect(answers).not.toContain(secret);
      expect(view).not.toContain(secret);
      expect(written).not.toContain(secret);
    }
  });

  it("is in no log line of an unexpected failure either", async () => {
    const test = open((store) => ({ ...store, append: () => Promise.reject(new Error("disk I/O error")) }));
    const { statuses, answers } = await sendAll(test);
    expect(statuses).toContain(503);
    const written = JSON.stringify(test.logger.lines, (_, value) =>
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    );
    expect(written).toContain("disk I/O error");
    for (const secret of hidden) expect(answers + written).not.toContain(secret);
  });
});
