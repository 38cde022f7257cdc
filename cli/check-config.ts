/** `check-config`: reads the configuration as `serve` would, and says what it means. */
import { loadGatewayConfig } from "../handlers/runtime/config-files.ts";
import { createSecrets } from "../handlers/runtime/secrets.ts";
import { systemClock } from "../pipeline/clock.ts";
import { ConfigError } from "../pipeline/errors.ts";
import { describeConfig } from "./describe-config.ts";

export interface CheckConfigOptions {
  environment: Record<string, string | undefined>;
  /** Asks the destinations, and the brokers of bridges, too. */
  probe?: boolean;
  write(text: string): void;
  writeError(text: string): void;
}

/**
 * Resolves with the exit status: 0; 2 when the configuration cannot be used, then every fault was written; 1 when
 * a destination that was asked did not take an empty request, or a broker no connection.
 */
export async function checkConfig(path: string | undefined, options: CheckConfigOptions): Promise<number> {
  try {
    const config = loadGatewayConfig(path, options.environment);
    const secrets = createSecrets({ clock: systemClock, environment: options.environment });
    options.write(`${describeConfig(config, secrets).join("\n")}\n`);
    if (!options.probe) return 0;
    const { probe } = await import("./probe.ts");
    const { lines, isGood } = await probe(config, secrets);
    options.write(`${["Probe", ...lines.map((line) => `  ${line}`)].join("\n")}\n`);
    return isGood ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    options.writeError(`${error.message}\n`);
    return 2;
  }
}
