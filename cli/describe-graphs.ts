/** Data flow graphs in an operator's words. */
import type { GraphRules, TransformRules } from "../pipeline/graph/rules.ts";

export function describeGraph({
  name,
  sources,
  transforms,
  destinations,
  connections,
}: GraphRules): string[] {
  const taken = sources.map(
    ({ node, origins, topicFilters }) => `${node} takes ${topicFilters.join(", ")} of ${origins.join(", ")}`,
  );
  const led = destinations.map(({ node, destination }) => `${node} leads to ${destination}`);
  const ways = connections.map(
    ({ from, output, to }) => `${from}${output === undefined ? "" : ` (${output})`} to ${to}`,
  );
  return [
    `  ${name}: ${[...taken, ...led].join("; ")}`,
    ...transforms.map(({ node, rules }) => `    ${node}: ${describeRules(rules)}`),
    `    ways: ${ways.join(", ")}`,
  ];
}

function describeRules(rules: TransformRules): string {
  switch (rules.kind) {
    case "map":
      return `map, ${count(rules.rules)}`;
    case "filter":
      return `filter, dropped where ${rules.rules.map(({ expression }) => expression).join(" or ")}`;
    case "branch":
      return `branch on ${rules.rule.expression}, with ${rules.rule.inputs.join(", ")}`;
    case "concatenate":
      return "concatenate";
    case "throttle":
      return `throttle, ${rules.rules.map(({ topic, messagesPerSecondMax }) => `${topic} at most ${messagesPerSecondMax} a second`).join(", ")}`;
    case "otelTransform": {
      const { name, type, valuePath } = rules.rules;
      return `makes ${typeof name === "string" ? name : `what ${name.path} says`} (${type}) of ${valuePath}`;
    }
  }
}

function count({ length }: readonly unknown[]): string {
  return `${length} ${length === 1 ? "rule" : "rules"}`;
}
