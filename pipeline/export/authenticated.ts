import type { Credentials } from "./credentials.ts";
import type { Exporter, ExportOutcome } from "./exporter.ts";

/**
 * An exporter that sends nothing while its credentials are at fault, and that explains a refused credential by what
 * is known of it.
 */
export function createAuthenticatedExporter(exporter: Exporter, credentials: Credentials): Exporter {
  return {
    async export(...call) {
      const { fault, doubt } = credentials.state();
      if (fault !== undefined) return { kind: "misconfigured", reason: fault };
      return explain(await exporter.export(...call), doubt);
    },
    close: () => exporter.close(),
  };
}

function explain(outcome: ExportOutcome, doubt: string | undefined): ExportOutcome {
  if (doubt === undefined || outcome.kind !== "misconfigured" || !outcome.isCredentialRefused) return outcome;
  return { ...outcome, reason: `${doubt}. ${outcome.reason}` };
}
