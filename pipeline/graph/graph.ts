import type { FilterReason } from "../payload/format.ts";
import { compileTransform } from "./compile.ts";
import type { GraphRules } from "./rules.ts";
import type { Journey, Transform, Traveller } from "./transform.ts";

/** A message where it left a graph. */
export interface Arrived {
  destination: string;
  traveller: Traveller;
  /** The node, in words. */
  place: string;
}

/** A message that was dropped at a node on one of its ways. */
export interface Lost {
  reason: FilterReason;
  by: string;
}

export interface Run {
  arrived: Arrived[];
  lost: Lost[];
}

/** Sends messages through a graph from one of its Source nodes. */
export interface Graph {
  /** Errors: Refused. */
  run(from: { node: string; traveller: Traveller }, journey: Journey): Run;
}

type Stop =
  | { kind: "transform"; transform: Transform; place: string }
  | { kind: "destination"; destination: string; place: string };

/** Errors: Error when a rule cannot be read, which the configuration excludes. */
export function createGraph({ name, transforms, destinations, connections }: GraphRules): Graph {
  const stops = new Map<string, Stop>();
  for (const { node, rules } of transforms) {
    const place = placeOf(node, name);
    stops.set(node, { kind: "transform", transform: compileTransform(rules, place), place });
  }
  for (const { node, destination } of destinations) {
    stops.set(node, { kind: "destination", destination, place: placeOf(node, name) });
  }
  const next = (node: string, output: boolean | undefined) =>
    connections.filter(({ from, output: wanted }) => from === node && wanted === output).map(({ to }) => to);
  return {
    run({ node, traveller }, journey) {
      const run: Run = { arrived: [], lost: [] };
      const waiting = next(node, undefined).map((to) => ({ node: to, traveller }));
      for (const { node, traveller } of waiting) {
        const stop = stops.get(node);
        if (stop === undefined) continue;
        const { place } = stop;
        if (stop.kind === "destination") {
          run.arrived.push({ destination: stop.destination, traveller, place });
          continue;
        }
        const passage = stop.transform(traveller, journey);
        if (passage.kind === "dropped") run.lost.push({ reason: passage.reason, by: place });
        else
          waiting.push(
            ...next(node, passage.output).map((to) => ({ node: to, traveller: passage.traveller })),
          );
      }
      return run;
    },
  };
}

export function placeOf(node: string, graph: string): string {
  return `node ${node} of DataflowGraph ${graph}`;
}
