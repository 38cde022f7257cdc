/**
 * What crosses between the gateway's thread and the one that delivers.
 *
 * ```
 * gateway ── ToDelivery (wake; calls) ──▶ delivery ── its own port ──▶ writer thread of the store
 * gateway ◀── FromDelivery (replies; log lines; observations; what is settled) ── delivery
 * ```
 */
import type { MessagePort } from "node:worker_threads";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { CredentialReport } from "../../pipeline/credential-report.ts";
import type { FlushOptions, FlushResult, LaneHealth } from "../../pipeline/deliver.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { LaneName } from "../../pipeline/message.ts";
import type { Owed } from "../../pipeline/store/batch-store.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";

/** What the thread is started with. `port` leads to the writer thread of the store. */
export interface DeliveryStart {
  config: GatewayConfig;
  environment: Record<string, string | undefined>;
  port: MessagePort;
}

export type Call<Method extends keyof DeliveryCalls> = (
  ...options: Parameters<DeliveryCalls[Method]>
) => Promise<ReturnType<DeliveryCalls[Method]>>;

/** Delivery as the gateway uses it, wherever it runs. */
export interface DeliveryDriver {
  /** Messages were appended. */
  wake(appended: number): void;
  flush: Call<"flush">;
  health: Call<"health">;
  credentials: Call<"credentials">;
  /** Drives every lane; resolves once `stop` has ended the loops. */
  run: Call<"run">;
  /** Flush what is due for at most `graceMs`, then end. */
  stop: Call<"stop">;
  /** Drives the lanes that owe what somebody waits for, until they do no more, where `run` does not. */
  whileAwaited?(waiting: Promise<void>, owed: readonly Owed[]): Promise<void>;
}

/** None of them rejects: what fails is a lane's condition, and what cannot happen ends the thread. */
export interface DeliveryCalls {
  run(): void;
  flush(options: Pick<FlushOptions, "force" | "deadlineMs">): FlushResult;
  health(): { lane: LaneName; health: LaneHealth }[];
  credentials(): CredentialReport[];
  /** Ends the loops, the exporters and the connection to the store. */
  stop(options: { graceMs: number }): void;
}

export type DeliveryCall = {
  [Method in keyof DeliveryCalls]: {
    kind: "call";
    id: number;
    method: Method;
    options: Parameters<DeliveryCalls[Method]>[0];
  };
}[keyof DeliveryCalls];

export type ToDelivery = DeliveryCall | { kind: "wake"; appended: number };

export type FromDelivery =
  | { kind: "reply"; id: number; value: unknown }
  | { kind: "log"; level: keyof Logger; fields: Record<string, unknown>; message: string }
  | { kind: "export"; observation: ExportObservation }
  | { kind: "settled"; lane: LaneName; lastId: number };
