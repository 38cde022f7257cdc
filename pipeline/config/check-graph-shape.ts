/** How the nodes of a DataflowGraph hang together. Source: Azure IoT Operations, DataflowGraph, `nodeConnections`. */
import type { ConfigIssue } from "../errors.ts";
import { at } from "./at.ts";
import type { ConfigDocument } from "./documents.ts";
import {
  connectionsOf,
  nodesOf,
  nodesPath,
  type Outlet,
  readOutlet,
  type WrittenConnection,
  type WrittenNode,
} from "./graph-shape.ts";
import { unknownName } from "./messages.ts";

/** Most messages that one message can become. */
const copiesMax = 100;

export function checkGraphShape(graph: ConfigDocument): ConfigIssue[] {
  const nodes = nodesOf(graph);
  const links = connectionsOf(graph);
  const faults = [
    ...checkNodes(graph, nodes),
    ...links.flatMap((_, index) => checkLink(graph, nodes, links, index)),
  ];
  // What else is wrong with the ways through it follows from these.
  return faults.length > 0 ? faults : checkWays(graph, nodes, links);
}

function checkNodes(graph: ConfigDocument, nodes: readonly WrittenNode[]): ConfigIssue[] {
  const repeated = nodes
    .filter(({ name }, index) => nodes.findIndex((node) => node.name === name) !== index)
    .map(({ name, path }) => graph.issue([...path, "name"], `Wanted a name of its own, met "${name}" again`));
  const isWritten = Array.isArray(at(graph.value, nodesPath));
  const missing = (isWritten ? (["Source", "Destination"] as const) : [])
    .filter((type) => !nodes.some((node) => node.type === type))
    .map((type) => graph.issue(nodesPath, `Wanted a ${type} node at least, met none`));
  return [...repeated, ...missing];
}

function checkLink(
  graph: ConfigDocument,
  nodes: readonly WrittenNode[],
  links: readonly WrittenConnection[],
  index: number,
): ConfigIssue[] {
  const link = links[index] as WrittenConnection;
  const names = nodes.map(({ name }) => name);
  const { node, output } = readOutlet(link.from, names);
  const from = nodes.find(({ name }) => name === node);
  const to = nodes.find(({ name }) => name === link.to);
  const atFrom = (message: string) => graph.issue([...link.path, "from", "name"], message);
  const atTo = (message: string) => graph.issue([...link.path, "to", "name"], message);
  const issues: ConfigIssue[] = [];
  if (from === undefined) issues.push(atFrom(unknownName("the name of a node", link.from, names)));
  else if (from.type === "Destination") {
    issues.push(atFrom(`Wanted a Source or Graph node, met the Destination "${node}"`));
  } else if (from.isBranch && output === undefined) {
    issues.push(atFrom(`Wanted ${node}.output.true or ${node}.output.false of a branch, met "${link.from}"`));
  } else if (!from.isBranch && output !== undefined) {
    issues.push(atFrom(`Wanted ${node}, since it is no branch, met "${link.from}"`));
  }
  if (to === undefined) issues.push(atTo(unknownName("the name of a node", link.to, names)));
  else if (to.type === "Source") {
    issues.push(atTo(`Wanted a Graph or Destination node, met the Source "${link.to}"`));
  } else if (to === from) issues.push(atTo(`Wanted another node than it comes from, met "${link.to}"`));
  const isAgain = links.findIndex((one) => one.from === link.from && one.to === link.to) !== index;
  if (isAgain) issues.push(graph.issue(link.path, "Wanted each connection once, met it again"));
  return issues;
}

/** Every node is on a way from a Source to a Destination, and no way leads back. */
function checkWays(
  graph: ConfigDocument,
  nodes: readonly WrittenNode[],
  links: readonly WrittenConnection[],
): ConfigIssue[] {
  const names = nodes.map(({ name }) => name);
  const outlets = links.map(({ from, to }) => ({ ...readOutlet(from, names), to }));
  const ends = nodes.flatMap((node) => checkEnds(graph, node, outlets));
  return ends.length > 0 ? ends : checkCopies(graph, nodes, outlets);
}

type Link = Outlet & { to: string };

function checkEnds(graph: ConfigDocument, node: WrittenNode, links: readonly Link[]): ConfigIssue[] {
  const { name, type, isBranch, path } = node;
  const issues: ConfigIssue[] = [];
  const fault = (message: string) => issues.push(graph.issue(path, message));
  if (type !== "Source" && !links.some(({ to }) => to === name)) {
    fault(`Wanted a connection that leads to "${name}", met none`);
  }
  if (type === "Destination") return issues;
  for (const output of isBranch ? [true, false] : [undefined]) {
    if (links.some((link) => link.node === name && link.output === output)) continue;
    const outlet = output === undefined ? name : `${name}.output.${output}`;
    fault(`Wanted a connection that begins at "${outlet}", met none: its messages would lead nowhere`);
  }
  return issues;
}

function checkCopies(
  graph: ConfigDocument,
  nodes: readonly WrittenNode[],
  links: readonly Link[],
): ConfigIssue[] {
  const known = new Map<string, number>();
  const onTheWay = new Set<string>();
  /** Messages that reach a Destination from a node; infinitely many when there is a circle. */
  function copiesFrom(name: string): number {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (onTheWay.has(name)) return Number.POSITIVE_INFINITY;
    onTheWay.add(name);
    const sum = (output: boolean | undefined) =>
      links
        .filter((link) => link.node === name && link.output === output)
        .reduce((copies, { to }) => copies + copiesFrom(to), 0);
    const node = nodes.find((one) => one.name === name);
    const copies = node?.type === "Destination" ? 1 : Math.max(sum(undefined), sum(true), sum(false));
    onTheWay.delete(name);
    known.set(name, copies);
    return copies;
  }
  const most = Math.max(...nodes.map(({ name }) => copiesFrom(name)));
  if (most <= copiesMax) return [];
  const message =
    most === Number.POSITIVE_INFINITY
      ? "Wanted connections that lead from Sources to Destinations, met a circle"
      : `Wanted at most ${copiesMax} ways of a message through the graph, met ${most}`;
  return [graph.issue(["spec", "nodeConnections"], message)];
}
