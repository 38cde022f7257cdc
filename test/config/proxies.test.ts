import { afterEach, describe, expect, it, vi } from "vitest";
import { endpoint, load } from "./support.ts";

const proxy = "http://operator:s3cr3t@proxy.example:3128";

function warningsOf(host: string, environment: Record<string, string>): readonly string[] {
  return load(endpoint(`host: ${host}`), environment).warnings.filter((one) => one.includes("is set"));
}

afterEach(() => void vi.unstubAllGlobals());

describe("a proxy that the environment names", () => {
  it.each([
    ["https://a.example:4318", "HTTPS_PROXY"],
    ["https://a.example:4318", "https_proxy"],
    ["http://a.example:4318", "HTTP_PROXY"],
    ["http://a.example:4318", "http_proxy"],
    ["http://a.example:4317", "grpc_proxy"],
    ["https://a.example:4317", "HTTPS_PROXY"],
    ["http://a.example:4317", "http_proxy"],
  ])("is told of for %s: %s, without its value", (host, variable) => {
    expect(warningsOf(host, { [variable]: proxy })).toEqual([
      `${variable} is set and not used: the gateway connects directly to collector`,
    ]);
  });

  it.each([
    ["of the other scheme", "https://a.example:4318", { HTTP_PROXY: proxy }],
    ["of the other scheme, too", "http://a.example:4318", { HTTPS_PROXY: proxy }],
    ["of gRPC, for HTTP", "http://a.example:4318", { grpc_proxy: proxy }],
    ["that is empty", "https://a.example:4318", { HTTPS_PROXY: "" }],
    ["for this machine", "http://localhost:4318", { HTTP_PROXY: proxy }],
    ["for this machine's address", "http://[::1]:4317", { grpc_proxy: proxy }],
  ])("does not matter: one %s", (_, host, environment) => {
    expect(warningsOf(host, environment)).toEqual([]);
  });

  it.each(["*", "a.example", "A.EXAMPLE", ".example", "*.example", "example", "b, a.example:4318"])(
    "does not matter with NO_PROXY=%s",
    (exceptions) => {
      const environment = { HTTPS_PROXY: proxy, NO_PROXY: exceptions };
      expect(warningsOf("https://a.example:4318", environment)).toEqual([]);
      expect(warningsOf("https://a.example:4318", { ...environment, no_proxy: "other" })).toHaveLength(1);
    },
  );

  it.each(["b.example", "xa.example", "ample", "a.example:4317", "10.0.0.0/8"])(
    "matters with NO_PROXY=%s",
    (exceptions) => {
      const environment = { HTTPS_PROXY: proxy, NO_PROXY: exceptions };
      expect(warningsOf("https://a.example:4318", environment)).toHaveLength(1);
    },
  );

  it("is used by Deno for HTTP, and by nobody for gRPC", () => {
    vi.stubGlobal("Deno", {});
    const environment = { HTTPS_PROXY: proxy };
    expect(warningsOf("https://a.example:4318", environment)).toEqual([]);
    expect(warningsOf("https://a.example:4317", environment)).toHaveLength(1);
  });

  it("is told of once, for all destinations that it would lead to", () => {
    const text = ["b", "a"].map((name) => endpoint(`host: https://${name}.example:4318`, name)).join("---\n");
    const { warnings } = load(text, { HTTPS_PROXY: proxy, grpc_proxy: proxy });
    expect(warnings).toEqual([
      expect.stringMatching(/^HTTPS_PROXY is set and not used: the gateway connects directly to b, a$/),
    ]);
  });
});
