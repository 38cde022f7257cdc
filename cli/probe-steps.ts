/** The steps of one way that `check-config --probe` goes. */

import type { CredentialState } from "../pipeline/export/credentials.ts";

/** What a step found out, or why it failed and what to do. */
export type StepResult = { kind: "ok"; text: string } | { kind: "failed"; text: string };

export interface Step {
  name: string;
  /** `skipped`: one before it failed, without which it means nothing. */
  result: StepResult | { kind: "skipped"; text: string };
}

type Run = () => Promise<StepResult> | StepResult;

export function createSteps() {
  const steps: Step[] = [];
  const resultOf = async (run: Run) => {
    const broken = steps.find(({ result }) => result.kind === "failed");
    return broken === undefined ? await run() : ({ kind: "skipped", text: `${broken.name} failed` } as const);
  };
  return {
    steps: steps as readonly Step[],
    /** Runs a step unless one failed that it builds upon. */
    async take(name: string, run: Run): Promise<void> {
      steps.push({ name, result: await resultOf(run) });
    },
    /** The same for steps that do not build upon each other. */
    async takeAll(runs: readonly (readonly [name: string, run: Run])[]): Promise<void> {
      const results = await Promise.all(runs.map(([, run]) => resultOf(run)));
      steps.push(...results.map((result, index) => ({ name: runs[index]?.[0] ?? "", result })));
    },
    add(name: string, result: StepResult): void {
      steps.push({ name, result });
    },
  };
}

/** When what is in use ends. */
export function describeEnds(state: Pick<CredentialState, "expirations"> | undefined): string[] {
  return (state?.expirations ?? []).map(
    ({ credential, expiresAtUs }) => `${credential} ends at ${new Date(expiresAtUs / 1000).toISOString()}`,
  );
}

/** One line for each step. */
export function describeSteps(label: string, steps: readonly Step[]): string[] {
  return steps.map(({ name, result }) => `${label} ${name}: ${result.kind}, ${result.text}`);
}

/** Where a URL leads. */
export function addressOf(url: string): { hostname: string; port: number } {
  const { hostname, port, protocol } = new URL(url);
  const schemePort = protocol === "https:" || protocol === "wss:" ? 443 : 80;
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? schemePort : Number(port) };
}
