import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A script of this folder in a process of its own, which talks in JSON lines on standard output. */
export interface Child {
  process: ChildProcess;
  /** Its next line. Rejects when it ends without one. */
  next<T>(): Promise<T>;
  end(): Promise<void>;
}

export function startScript(name: string, options: object = {}): Child {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async next<T>() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`Cannot go on: ${name} ended without a result`);
      return JSON.parse(value) as T;
    },
    end: () => endProcess(child),
  };
}

/** Run a script to its end, for its one line. */
export async function runScript<T>(name: string, options: object = {}): Promise<T> {
  const child = startScript(name, options);
  const result = await child.next<T>();
  await child.end();
  return result;
}

/** What a script of this folder was started with. */
export function scriptOptions<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

export function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** Resident memory of a process, as far as the system tells. Source: proc(5), VmRSS and VmHWM. */
export function residentBytes(pid: number | undefined): { now: number; max: number } {
  if (process.platform !== "linux") return { now: Number.NaN, max: Number.NaN };
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { now: field("VmRSS"), max: field("VmHWM") };
}
