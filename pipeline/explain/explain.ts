/**
 * What the gateway would do with one message, told step by step by the code that does it. Nothing is stored, nothing
 * is sent, and no series runs: what is shown is the export of a gateway whose store is new.
 */
import type { Clock } from "../clock.ts";
import type { GatewayConfig } from "../config/config.ts";
import { createConfiguredFormat } from "../configured-format.ts";
import { createJudge } from "../judge.ts";
import type { LastValues } from "../last-values.ts";
import type { MqttMessage } from "../message.ts";
import { createParse } from "../parse-message.ts";
import type { ReadMessage } from "../source/adapter.ts";
import { isAmong } from "../store/batch-store.ts";
import { explainAnswer } from "./answer.ts";
import type { ExplainedExport, Explanation, LaneExplanation } from "./explanation.ts";
import { explainItems } from "./items.ts";
import { explainExport, explainMissing, explainRefusal, lanesOf } from "./lanes.ts";
import type { ConfiguredOrigin } from "./origin.ts";
import { createSteps } from "./steps.ts";

/** Explain one message that a source or bridge handed over. */
export type Explain = (origin: ConfiguredOrigin, message: ReadMessage) => Promise<Explanation>;

export interface ExplainOptions {
  config: GatewayConfig;
  /** The store's; undefined: none is open. */
  instanceId: string | undefined;
  clock: Pick<Clock, "nowUs">;
  /** Those of the gateway; undefined: none are known. */
  lastValues?: Pick<LastValues, "recall"> | undefined;
}

export function createExplain({ config, instanceId, clock, lastValues }: ExplainOptions): Explain {
  const format = createConfiguredFormat(config);
  const lanes = lanesOf(config.destinations);
  const limited = new WeakSet<MqttMessage>();
  const judge = createJudge({
    format,
    lanes,
    payloadBytesMax: config.limits.payloadBytesMax,
    admits(_, message) {
      limited.add(message);
      return true;
    },
  });
  const parse = createParse([...config.sources, ...config.bridges], format);
  const explainSteps = createSteps(config, format);

  return async (origin, read) => {
    const arrivedAtUs = clock.nowUs();
    const message: MqttMessage = { ...read, source: origin.name };
    const fault = judge.findFault(origin, message);
    const recall = lastValues?.recall(message);
    const verdict = fault ?? judge.judge(origin, message, { arrivedAtUs }, recall);
    const explanation: Explanation = {
      isDelivered: false,
      verdict: verdict.kind,
      answer: explainAnswer(origin, verdict, config),
      arrivedAt: new Date(arrivedAtUs / 1000).toISOString(),
      ...explainSteps(origin, message, { verdict, arrivedAtUs, recall }),
      items: { metrics: [], logs: [] },
      lanes: [],
      remarks: [],
    };
    if (verdict.kind !== "accepted") return explanation;

    const stored = {
      ...message,
      lastValues: recall?.standIns(),
      id: 1,
      arrivedAtUs,
      expiresAtUs: verdict.expiresAtUs,
    };
    const parsed = parse(stored);
    // Read the same way a moment ago.
    if (parsed.kind === "refused") return explanation;
    const { items } = parsed;
    const told = await Promise.all(
      lanes.map((lane) =>
        isAmong(verdict.lanes, lane.mask)
          ? explainExport(lane, stored, { parse, instanceId })
          : explainRefusal(lane, stored, items),
      ),
    );
    const exports = told.filter(isExport);
    return {
      ...explanation,
      isDelivered: exports.length > 0 && !told.some((lane) => !lane.exports && lane.isOwed),
      items: explainItems(items),
      lanes: [...told, ...explainMissing(lanes, items)],
      remarks: remarksOn(exports, { instanceId, isLimited: limited.has(message) }),
    };
  };
}

function isExport(lane: LaneExplanation): lane is ExplainedExport {
  return lane.exports;
}

function remarksOn(
  exports: readonly ExplainedExport[],
  { instanceId, isLimited }: { instanceId: string | undefined; isLimited: boolean },
): string[] {
  const hasState = exports.some(({ series }) => series.some(({ temporality }) => temporality !== undefined));
  const remarks: string[] = [];
  if (instanceId === undefined && exports.length > 0) {
    remarks.push(
      "No store is open: a running gateway adds its own service.instance.id to a Resource that has none",
    );
  }
  if (hasState) {
    remarks.push("No series runs: a running gateway carries on the sums and histograms that it has");
  }
  if (isLimited) {
    remarks.push("No rate limit is kept to: in a running gateway a throttle may drop the message");
  }
  return remarks;
}
