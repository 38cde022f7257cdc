import { describe, expect, it } from "vitest";
import { watchCredentials } from "../../pipeline/credential-watch.ts";
import type { CredentialState } from "../../pipeline/export/credentials.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

function watching() {
  const clock = createFakeClock();
  const logger = createFakeLogger();
  const abort = new AbortController();
  let state: CredentialState = {
    revision: 1,
    fault: undefined,
    doubt: undefined,
    warning: undefined,
    expirations: [{ credential: "clientCertificate", expiresAtUs: Date.UTC(2026, 1, 1) * 1000 }],
  };
  let retries = 0;
  const ended = watchCredentials({
    owner: { destination: "otel" },
    credentials: { headers: {}, tls: () => ({}), state: () => state },
    lanes: [{ retryNow: () => retries++ }, { retryNow: () => retries++ }],
    clock,
    logger,
    signal: abort.signal,
  });
  return {
    logger,
    retries: () => retries,
    /** The state that the next look finds. */
    async becomes(change: Partial<CredentialState>) {
      state = { ...state, ...change };
      clock.advance(await clock.asleep());
      await clock.asleep();
    },
    async stop() {
      abort.abort();
      await ended;
    },
  };
}

describe("watchCredentials()", () => {
  it("makes every lane try at once when the credentials were replaced, with one log line", async () => {
    const { becomes, retries, logger, stop } = watching();
    await becomes({});
    expect(retries()).toBe(0);
    await becomes({ revision: 2 });
    await becomes({});
    expect(retries()).toBe(2);
    expect(logger.lines).toEqual([
      {
        level: "info",
        fields: { destination: "otel", expiresAt: { clientCertificate: "2026-02-01T00:00:00.000Z" } },
        message: "Credentials of otel were replaced",
      },
    ]);
    await stop();
  });

  it("warns once of something new that is not in use, and again when the reason is another", async () => {
    const { becomes, retries, logger, stop } = watching();
    await becomes({ warning: "Cannot use tls.key" });
    await becomes({});
    await becomes({ warning: "Cannot use tls.crt" });
    await becomes({ warning: undefined });
    expect(retries()).toBe(0);
    expect(logger.lines.map(({ level, fields }) => [level, fields.reason])).toEqual([
      ["warn", "Cannot use tls.key"],
      ["warn", "Cannot use tls.crt"],
    ]);
    await stop();
  });

  it("tells once of credentials that cannot be used at all", async () => {
    const { becomes, logger, stop } = watching();
    await becomes({ fault: "The client certificate expired", warning: "Cannot use tls.key" });
    await becomes({ warning: "Cannot use tls.crt" });
    expect(logger.lines.map(({ level, message, fields }) => [level, message, fields.reason])).toEqual([
      ["error", "Credentials of otel cannot be used", "The client certificate expired"],
    ]);
    await stop();
  });
});
