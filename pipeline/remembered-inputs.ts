import type { GatewayConfig } from "./config/config.ts";
import { placeOf } from "./graph/graph.ts";
import { inputsOf as inputsOfTransform } from "./graph/remembered.ts";
import { inputsOf as inputsOfMapping } from "./mapping/remembered.ts";
import type { RuleInput } from "./message.ts";

/** The inputs of all rules whose last values are remembered. */
export function rememberedInputs({
  graphs,
  mappings,
}: Pick<GatewayConfig, "graphs" | "mappings">): RuleInput[] {
  return [
    ...mappings.flatMap(inputsOfMapping),
    ...graphs.flatMap(({ name, transforms }) =>
      transforms.flatMap(({ node, rules }) => inputsOfTransform(rules, placeOf(node, name))),
    ),
  ];
}
