import { describe, expect, it } from "vitest";
import { createAuthenticatedExporter } from "../../pipeline/export/authenticated.ts";
import type { CredentialState } from "../../pipeline/export/credentials.ts";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";

function given(outcome: ExportOutcome, state: Partial<CredentialState>) {
  let calls = 0;
  let isClosed = false;
  const exporter = createAuthenticatedExporter(
    {
      async export() {
        calls += 1;
        return outcome;
      },
      async close() {
        isClosed = true;
      },
    },
    {
      headers: {},
      tls: () => ({}),
      state: () => ({
        revision: 1,
        fault: undefined,
        doubt: undefined,
        warning: undefined,
        expirations: [],
        ...state,
      }),
    },
  );
  return {
    exporter,
    calls: () => calls,
    isClosed: () => isClosed,
    send: () => exporter.export("logs", new Uint8Array(), {}),
  };
}

const unauthenticated: ExportOutcome = {
  kind: "misconfigured",
  reason: "The receiver answered UNAUTHENTICATED",
  isCredentialRefused: true,
};

describe("createAuthenticatedExporter()", () => {
  it("sends nothing while the credentials are at fault, and says why", async () => {
    const { send, calls } = given({ kind: "accepted" }, { fault: "The certificate expired" });
    expect(await send()).toEqual({ kind: "misconfigured", reason: "The certificate expired" });
    expect(calls()).toBe(0);
  });

  it("explains a refused credential by what is doubtful about it", async () => {
    const { send } = given(unauthenticated, { doubt: "The token expired" });
    expect(await send()).toEqual({
      ...unauthenticated,
      reason: "The token expired. The receiver answered UNAUTHENTICATED",
    });
  });

  it.each<[string, ExportOutcome]>([
    ["an acceptance", { kind: "accepted" }],
    ["a service that is missing", { kind: "misconfigured", reason: "The receiver answered UNIMPLEMENTED" }],
    ["a failure below", { kind: "retryable", reason: "The connection was refused", answered: false }],
  ])("leaves %s as it is", async (_what, outcome) => {
    const { send } = given(outcome, { doubt: "The token expired" });
    expect(await send()).toBe(outcome);
  });

  it("leaves a refused credential as it is when nothing is doubtful about it", async () => {
    const { send } = given(unauthenticated, {});
    expect(await send()).toBe(unauthenticated);
  });

  it("closes the exporter", async () => {
    const { exporter, isClosed } = given({ kind: "accepted" }, {});
    await exporter.close();
    expect(isClosed()).toBe(true);
  });
});
