import type { ConfigIssue } from "../errors.ts";
import { at } from "./at.ts";
import type { ConfigDocument, Path } from "./documents.ts";

/** What samples leave for their reader to fill in: `<HOST>`, `${HOST}`, `{{ host }}`. */
const placeholder = /<[^<>]+>|\$\{[^{}]+\}|\{\{[^{}]+\}\}/;

/** The first placeholder in a text; undefined when there is none. */
export function placeholderIn(text: string): string | undefined {
  return placeholder.exec(text)?.[0];
}

const fields = [
  ["metadata", "name"],
  ["spec", "openTelemetrySettings"],
  ["spec", "mqttSettings"],
];

/** What should stand there instead, by field. */
const wantedByField: Readonly<Record<string, string>> = {
  name: "a name",
  host: "the receiver's address",
  "mqttSettings.host": "the broker's address",
  audience: "the audience that the receiver expects",
  secretRef: "the name of a secret",
  trustedCaCertificateConfigMapRef: "the name of a ConfigMap",
};

/** Placeholders that were never replaced, in the fields of an endpoint that mean something here. */
export function checkPlaceholders({ value, issue }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const walk = (inner: unknown, path: Path): void => {
    if (typeof inner === "string") {
      const met = placeholderIn(inner);
      if (met === undefined) return;
      const wanted =
        wantedByField[path.slice(-2).join(".")] ?? wantedByField[String(path.at(-1))] ?? "a value";
      issues.push(issue(path, `Wanted ${wanted}, met the placeholder ${met}`));
    } else if (typeof inner === "object" && inner !== null) {
      const isList = Array.isArray(inner);
      for (const [key, more] of Object.entries(inner)) walk(more, [...path, isList ? Number(key) : key]);
    }
  };
  for (const path of fields) walk(at(value, path), path);
  return issues;
}
