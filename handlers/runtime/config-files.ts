import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { ConfigFile } from "../../pipeline/config/documents.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { ConfigError, errorCode, toError } from "../../pipeline/errors.ts";

/** What is read when no path is given and it exists. */
const defaultFile = "gateway.yaml";

const extensions = /\.(yaml|yml|json)$/i;

/**
 * The configuration in the file or folder at `path`, with the environment's settings. `isExposed`: the platform lets
 * others reach the gateway, wherever it listens.
 *
 * Errors: ConfigError.
 */
export function loadGatewayConfig(
  path: string | undefined,
  environment: Record<string, string | undefined>,
  { isExposed = false }: { isExposed?: boolean } = {},
): GatewayConfig {
  return loadConfig({
    files: readConfigFiles(path),
    environment,
    isExposed,
    resolvePath: (file, relative) => resolve(file === undefined ? "." : dirname(file), relative),
  });
}

/**
 * The files that make up a configuration: `path` itself, or the YAML and JSON files right in that folder, by name.
 *
 * Errors: ConfigError when there is no such file, when it cannot be read, and when the folder holds none.
 */
export function readConfigFiles(path: string | undefined): ConfigFile[] {
  if (path === undefined) return existsSync(defaultFile) ? readConfigFiles(defaultFile) : [];
  try {
    if (!statSync(path).isDirectory()) return [{ name: path, text: readFileSync(path, "utf8") }];
    const files = readdirSync(path)
      .filter((name) => extensions.test(name) && statSync(join(path, name)).isFile())
      .sort()
      .map((name) => ({ name: join(path, name), text: readFileSync(join(path, name), "utf8") }));
    if (files.length > 0) return files;
  } catch (error) {
    const isMissing = errorCode(error) === "ENOENT";
    throw unreadable(path, isMissing ? "there is no such file or folder" : toError(error).message);
  }
  throw unreadable(path, "the folder has no .yaml, .yml or .json file");
}

function unreadable(path: string, reason: string): ConfigError {
  return new ConfigError([{ file: path, path: "", message: `Cannot read configuration: ${reason}` }]);
}
