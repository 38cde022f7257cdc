/**
 * What crosses between the gateway's thread and the one that delivers.
 *
 * ```
 * gateway ── ToDelivery (wake; calls) ──▶ delivery ── its own port ──▶ writer thread of the store
 * gateway ◀── FromDelivery (replies; log lines; observations) ── delivery
 * ```
 */
import type { MessagePort } from "node:worker_threads";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { CredentialReport } from "../../pipeline/credential-report.ts";
import type { FlushOptions, FlushResult, LaneHealth } from "../../pipeline/deliver.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { LaneName } from "../../pipeline/message.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";

/** What the thread is started with. `port` leads to the writer thread of the store. */
export interface DeliveryStart {
  config: GatewayConfig;
  environment: Record<string, string | undefined>;
  port: MessagePort;
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
  | { kind: "export"; observation: ExportObservation };
