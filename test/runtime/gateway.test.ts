import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { storeOptions } from "../../handlers/runtime/store-options.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

// Sees what this thread does; the store has threads of its own.
vi.mock("node:fs", { spy: true });

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return loadConfig({
    files: [],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      GATEWAY_STORE_PATH: join(folder, "new", "gateway.db"),
    },
    resolvePath: (_, path) => path,
  });
}

/** Its writer thread has ended, which would keep the process alive. */
async function expectStoreIsFree(config: GatewayConfig) {
  const store = await openSqliteStore(storeOptions(config));
  await store.close();
}

describe("openGateway()", () => {
  it("leaves a new folder to the store, which makes it last before it promises anything", async () => {
    const config = setUp();
    const gateway = await openGateway(config, { logger: createFakeLogger(), environment: {} });
    await gateway.close();
    expect(existsSync(dirname(config.store.path))).toBe(true);
    expect(mkdirSync).not.toHaveBeenCalled();
  });

  it("gives the store back when another part cannot be made", async () => {
    const config = { ...setUp(), cannotCross: () => undefined };
    const opening = openGateway(config, { logger: createFakeLogger(), environment: {} });
    await expect(opening).rejects.toThrow("could not be cloned");
    await expectStoreIsFree(config);
  });

  it("close() gives the store back also when the delivery thread has ended by itself", async () => {
    const loaded = setUp();
    const destinations = loaded.destinations.map((destination) => ({ ...destination, url: "not a URL" }));
    const config = { ...loaded, destinations };
    const gateway = await openGateway(config, { logger: createFakeLogger(), environment: {} });
    await expect(gateway.failed).rejects.toThrow("URL");
    await expect(gateway.close()).rejects.toThrow("URL");
    await expectStoreIsFree(config);
  });
});
