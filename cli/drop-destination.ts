/** `drop-destination`: gives up what a destination that is no longer configured still owes. */
import { existsSync } from "node:fs";
import { loadGatewayConfig } from "../handlers/runtime/config-files.ts";
import { storeOptions } from "../handlers/runtime/store-options.ts";
import { laneKey } from "../pipeline/message.ts";
import { openSqliteStore, type SqliteStore } from "../pipeline/store/sqlite.ts";
import { UsageError } from "./usage.ts";

export interface DropDestinationOptions {
  name: string;
  configPath: string | undefined;
  environment: Record<string, string | undefined>;
  write(text: string): void;
}

/**
 * Resolves with the exit status, once what was dropped is on disk.
 *
 * Errors: ConfigError; UsageError when nothing of that name was removed; StoreLockedError while a gateway runs on the
 *         store; StoreVersionError.
 */
export async function dropDestination(options: DropDestinationOptions): Promise<number> {
  const { name, configPath, environment, write } = options;
  const config = loadGatewayConfig(configPath, environment);
  const { path } = config.store;
  if (!existsSync(path))
    throw new UsageError(`Cannot drop destination ${name}: there is no store at ${path}`);
  const store = await openSqliteStore(storeOptions(config));
  try {
    const isConfigured = config.destinations.some((destination) => destination.name === name);
    for (const notice of store.notices) write(`${notice}\n`);
    checkRemoved(name, { store, isConfigured });
    for (const { lane, messages } of await store.dropDestination(name)) {
      write(`${laneKey(lane)}: dropped ${messages} ${messages === 1 ? "message" : "messages"}\n`);
    }
    write("They are counted as dead letters, reason dropped, and are not kept\n");
    return 0;
  } finally {
    await store.close();
  }
}

function checkRemoved(
  name: string,
  { store, isConfigured }: { store: SqliteStore; isConfigured: boolean },
): void {
  const removed = [...new Set(store.removedLanes.map(({ destination }) => destination))];
  if (removed.includes(name)) return;
  if (isConfigured) {
    throw new UsageError(
      `Cannot drop destination ${name}: it is configured; remove it from the configuration first`,
    );
  }
  const others = removed.length === 0 ? "none" : removed.join(", ");
  throw new UsageError(
    `Cannot drop destination ${name}: the store does not know it; no longer configured are: ${others}`,
  );
}
