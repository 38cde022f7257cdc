import { openExporter } from "../handlers/runtime/delivery.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import type { GatewayConfig } from "../pipeline/config/config.ts";
import type { ExportOutcome } from "../pipeline/export/exporter.ts";

/**
 * Send every destination an empty Export request for each of its signals, which changes nothing there.
 *
 * Shape:  one line a destination and signal, in the order of the configuration; `isGood` when all of them took it.
 */
export async function probe(
  { destinations }: Pick<GatewayConfig, "destinations">,
  secrets: ReturnType<typeof createSecrets>,
): Promise<{ lines: string[]; isGood: boolean }> {
  const answers = await Promise.all(
    destinations.map(async (destination) => {
      const exporter = openExporter(destination, secrets.open);
      try {
        return await Promise.all(
          destination.signals.map(async (signal) => {
            const outcome = await exporter.export(signal, new Uint8Array(), {});
            return { place: `${destination.name} ${signal}`, outcome };
          }),
        );
      } finally {
        await exporter.close();
      }
    }),
  );
  const all = answers.flat();
  return {
    lines: all.map(({ place, outcome }) => `${place}: ${describeOutcome(outcome)}`),
    isGood: all.every(({ outcome }) => outcome.kind === "accepted" || outcome.kind === "partial"),
  };
}

function describeOutcome(outcome: ExportOutcome): string {
  if (outcome.kind === "accepted") return "reached";
  return outcome.kind === "partial" ? `reached, ${outcome.reason}` : outcome.reason;
}
