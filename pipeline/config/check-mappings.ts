/** Rules that go across fields of Mapping documents. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { parseExpression } from "../expression/expression.ts";
import { at, listAt, textAt } from "./at.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import { atColumn, isRecord, unknownName } from "./messages.ts";

const specPath = ["spec"];
const sourcesPath = ["spec", "match", "sources"];

/** `origins`: the names of sources and bridges. */
export function checkMappings(
  mappings: readonly ConfigDocument[],
  origins: readonly string[],
): ConfigIssue[] {
  return mappings.flatMap((mapping) => [
    ...checkSources(mapping, origins),
    ...checkFormula(mapping, [...specPath, "filter"]),
    ...checkRules(mapping),
  ]);
}

function checkSources(mapping: ConfigDocument, known: readonly string[]): ConfigIssue[] {
  return listAt(mapping.value, sourcesPath).flatMap((name, index) => {
    if (typeof name !== "string" || known.includes(name)) return [];
    return [
      mapping.issue([...sourcesPath, index], unknownName("the name of a source or bridge", name, known)),
    ];
  });
}

function checkRules(mapping: ConfigDocument): ConfigIssue[] {
  const paths = ["metrics", "logs"].flatMap((field) =>
    listAt(mapping.value, [...specPath, field]).map((_, index) => [...specPath, field, index]),
  );
  if (paths.length === 0 && isRecord(at(mapping.value, specPath))) {
    return [mapping.issue(specPath, "Wanted a rule in metrics or logs, met none")];
  }
  return paths.flatMap((path) => [
    ...checkValue(mapping, path),
    ...checkKey(mapping, path),
    ...checkFormula(mapping, path),
    ...checkFormula(mapping, [...path, "when"]),
  ]);
}

/** A rule has one of two ways to its value. */
function checkValue(mapping: ConfigDocument, path: Path): ConfigIssue[] {
  const [value, inputs, expression] = ["value", "inputs", "expression"].map((field) =>
    at(mapping.value, [...path, field]),
  );
  if (value === undefined && expression === undefined) {
    return [mapping.issue(path, "Wanted a value or an expression, met neither")];
  }
  if (value === undefined || (inputs === undefined && expression === undefined)) return [];
  const field = expression === undefined ? "inputs" : "expression";
  return [mapping.issue([...path, field], `Wanted a value or an expression, met value and ${field}`)];
}

/** Without `each` there is no member that has a key. */
function checkKey(mapping: ConfigDocument, path: Path): ConfigIssue[] {
  if (at(mapping.value, [...path, "each"]) !== undefined) return [];
  const attributes = at(mapping.value, [...path, "attributes"]);
  const places = [
    [...path, "name"],
    ...Object.keys(isRecord(attributes) ? attributes : {}).map((key) => [...path, "attributes", key]),
  ];
  return places.flatMap((place) => {
    if (!textAt(mapping.value, place)?.includes("${key}")) return [];
    return [mapping.issue(place, "Wanted each beside ${key}, met none")];
  });
}

function checkFormula(mapping: ConfigDocument, path: Path): ConfigIssue[] {
  const place = [...path, "expression"];
  const expression = textAt(mapping.value, place);
  if (expression === undefined || expression === "") return [];
  const inputsMax = listAt(mapping.value, [...path, "inputs"]).length;
  const parsed = parseExpression(expression, { inputsMax });
  return "faults" in parsed ? parsed.faults.map((fault) => mapping.issue(place, atColumn(fault))) : [];
}
