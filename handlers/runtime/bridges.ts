/** The bridges of a configuration, with what they share. */
import { hostname } from "node:os";
import type { BridgeReport } from "../../pipeline/bridge-report.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { BridgeConfig, GatewayConfig, SecretReference } from "../../pipeline/config/config.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { Receiver } from "../../pipeline/receive.ts";
import type { Secret } from "../../pipeline/secret.ts";
import type { Bridge } from "../bridge/bridge.ts";
import { createIdJournal, createSubscriptionJournal } from "./bridge-journal.ts";

export interface BridgesOptions {
  receiver: Pick<Receiver, "receive">;
  /** Of the store. */
  instanceId: string;
  secrets(reference: SecretReference): Secret;
  clock: Clock;
  logger: Logger;
}

export interface Bridges {
  /** Connect, and stay connected until `stop`. Called once; resolves then. */
  run(): Promise<void>;
  /** Take nothing more, acknowledge what is being stored, for so long at most, and disconnect. */
  stop(options: { graceMs: number }): Promise<void>;
  reports(): readonly BridgeReport[];
}

/** The store has room for at least so many packets of any size that is taken. */
const packetsInStoreMin = 8;

/** Opens nothing before `run`. */
export function openBridges(
  { bridges: configs, limits, store }: Pick<GatewayConfig, "bridges" | "limits" | "store">,
  options: BridgesOptions,
): Bridges {
  let bridges: readonly Bridge[] = [];
  let isStopping = false;

  async function open(): Promise<readonly Bridge[]> {
    const [{ default: mqtt }, { createBridge }, { createBridgeCredentials }] = await Promise.all([
      import("mqtt"),
      import("../bridge/bridge.ts"),
      import("../bridge/credentials.ts"),
    ]);
    return configs.map((config) =>
      createBridge({
        config,
        // A store in memory has another id at each start, and a broker would keep a session for each of them.
        instanceId: store.type === "memory" ? hostname() : options.instanceId,
        credentials: createBridgeCredentials(config, {
          ...secretsOf(config, options.secrets),
          clock: options.clock,
        }),
        connect: (clientOptions) => mqtt.connect(clientOptions),
        receiver: options.receiver,
        packetBytesMax: Math.min(limits.bodyBytesMax, Math.floor(store.bytesMax / packetsInStoreMin)),
        ...(store.type === "memory" ? {} : journalsOf(config, store.path)),
        clock: options.clock,
        logger: options.logger,
      }),
    );
  }

  return {
    async run() {
      if (configs.length === 0) return;
      const opened = await open();
      if (isStopping) return;
      bridges = opened;
      await Promise.all(bridges.map((bridge) => bridge.run()));
    },
    async stop({ graceMs }) {
      isStopping = true;
      await Promise.all(bridges.map((bridge) => bridge.stop({ graceMs })));
    },
    reports: () => (bridges.length > 0 ? bridges.map((bridge) => bridge.report()) : configs.map(notStarted)),
  };
}

function journalsOf({ name, url }: BridgeConfig, storePath: string) {
  const path = `${storePath}.bridge-${name}`;
  return {
    journal: createIdJournal({ path, url }),
    subscriptions: createSubscriptionJournal({ path: `${path}.subscription`, url }),
  };
}

/** What a bridge's method of authentication needs. */
export function secretsOf({ authentication }: BridgeConfig, open: BridgesOptions["secrets"]) {
  if (authentication.method === "UsernamePassword") return { password: open(authentication.password) };
  if (authentication.method === "ServiceAccountToken")
    return { token: open({ file: authentication.tokenFile }) };
  return {};
}

function notStarted({ name }: BridgeConfig): BridgeReport {
  return {
    name,
    connected: false,
    retainedSkipped: 0,
    droppedWhenBusy: 0,
    reason: "It has not connected yet",
  };
}
