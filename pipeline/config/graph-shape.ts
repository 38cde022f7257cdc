/** The nodes and connections of a DataflowGraph as they are written, whether or not its schema accepts them. */
import { at, listAt, textAt } from "./at.ts";
import type { ConfigDocument, Path } from "./documents.ts";

export const nodesPath = ["spec", "nodes"];
export const connectionsPath = ["spec", "nodeConnections"];

export interface WrittenNode {
  name: string;
  /** Undefined: none that there is. */
  type: "Source" | "Graph" | "Destination" | undefined;
  /** Whether a message leaves it in one of two ways. */
  isBranch: boolean;
  path: Path;
  value: unknown;
}

/** Where a connection begins. */
export interface Outlet {
  node: string;
  /** Of a branch. */
  output: boolean | undefined;
}

export interface WrittenConnection {
  from: string;
  to: string;
  path: Path;
}

/** Those that have a name. */
export function nodesOf({ value }: ConfigDocument): WrittenNode[] {
  return listAt(value, nodesPath).flatMap((node, index): WrittenNode[] => {
    const name = textAt(node, ["name"]);
    if (name === undefined) return [];
    const type = textAt(node, ["nodeType"]);
    const artifact = textAt(node, ["graphSettings", "artifact"]) ?? "";
    return [
      {
        name,
        type: type === "Source" || type === "Graph" || type === "Destination" ? type : undefined,
        isBranch: type === "Graph" && /(?:^|\/)graph-dataflow-branch:/.test(artifact),
        path: [...nodesPath, index],
        value: node,
      },
    ];
  });
}

/** Those that have two ends. */
export function connectionsOf({ value }: ConfigDocument): WrittenConnection[] {
  return listAt(value, connectionsPath).flatMap((connection, index): WrittenConnection[] => {
    const from = textAt(connection, ["from", "name"]);
    const to = textAt(connection, ["to", "name"]);
    if (from === undefined || to === undefined) return [];
    return [{ from, to, path: [...connectionsPath, index] }];
  });
}

/** `check.output.true` is an outlet of `check`, unless there is a node of that whole name. */
export function readOutlet(from: string, nodes: readonly string[]): Outlet {
  const [, node = "", output] = /^(.+)\.output\.(true|false)$/.exec(from) ?? [];
  if (output === undefined || nodes.includes(from)) return { node: from, output: undefined };
  return { node, output: output === "true" };
}

/** Whether a graph runs. */
export function isEnabled({ value }: ConfigDocument): boolean {
  return at(value, ["spec", "mode"]) !== "Disabled";
}
