import type { ConfigIssue } from "../errors.ts";
import { lanesMax } from "../message.ts";
import { at, listAt } from "./at.ts";
import type { ConfigDocument } from "./documents.ts";
import { destination } from "./kinds/destination.ts";

const destinationsPath = ["spec", "destinations"];
const signalsDefault = destination.parse({ endpointRef: "any" }).signals;

/** Whether a store can tell all lanes apart. Without a list of destinations, each endpoint is one. */
export function checkLanes(
  gateway: ConfigDocument | undefined,
  endpoints: readonly ConfigDocument[],
): ConfigIssue[] {
  const written = at(gateway?.value, destinationsPath);
  const destinations = Array.isArray(written) ? written : endpoints;
  const lanes = destinations
    .map((one) => (Array.isArray(written) ? listAt(one, ["signals"]).length : 0) || signalsDefault.length)
    .reduce((sum, signals) => sum + signals, 0);
  if (lanes <= lanesMax) return [];
  const message = `Wanted at most ${lanesMax} lanes, one for each signal of each destination, met ${lanes}`;
  const issue = Array.isArray(written)
    ? gateway?.issue(destinationsPath, message)
    : endpoints.at(-1)?.issue(["kind"], message);
  return issue === undefined ? [] : [issue];
}
