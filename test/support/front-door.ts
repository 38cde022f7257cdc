import { expect } from "vitest";
import { LastValues } from "../../pipeline/last-values.ts";
import type { MqttMessage } from "../../pipeline/message.ts";
import type { Filtered, Parsed, ParseOptions, PayloadFormat } from "../../pipeline/payload/format.ts";

export interface Entered {
  parsed: Parsed | Filtered;
  /** As a store would keep it. */
  message: MqttMessage;
}

/**
 * Lets messages in one after the other, with the last values of those before, and reads each again as a lane would:
 * from the message alone, with the same result.
 */
export function createFrontDoor(
  format: PayloadFormat,
  options: Partial<ParseOptions> = {},
): (message: MqttMessage) => Entered {
  const lastValues = new LastValues({ stored: [], onForgotten: () => undefined });
  return (arrived) => {
    const recall = lastValues.recall(arrived);
    const parsed = format.parse(arrived, { lenient: false, ...options, recall });
    recall.keep(0);
    recall.settle(true);
    const message = { ...arrived, lastValues: recall.standIns() };
    expect(format.parse(message, { lenient: false, ...options })).toEqual(parsed);
    return { parsed, message };
  };
}
