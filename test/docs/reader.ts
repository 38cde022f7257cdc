/** A reader of a page, who does what it says: in a folder of its own, with a gateway behind every curl. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { checkConfig } from "../../cli/check-config.ts";
import { loadGatewayConfig } from "../../handlers/runtime/config-files.ts";
import { readCurl } from "./curl.ts";
import { createPrograms } from "./programs.ts";
import { type Service, startService } from "./service.ts";
import { runCommands } from "./shell.ts";

export interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

export interface Reader {
  /** Save a configuration in place of the one before. Resolves with what check-config says of it. */
  configure(text: string): Promise<{ status: number; text: string }>;
  /** Start the gateway with what was saved, in place of the one before. */
  start(): Promise<void>;
  /** Resolves with what the last command printed, and each answer that a curl got. */
  run(commands: string): Promise<{ output: string; answers: readonly Answer[] }>;
}

export function createReader(): Reader {
  const folder = mkdtempSync(join(tmpdir(), "docs-"));
  const path = join(folder, "gateway.yaml");
  const variables = new Map<string, string>();
  const environment = () => Object.fromEntries(variables);
  let service: Service | undefined;
  let answers: Answer[] = [];

  async function close() {
    await service?.close();
    service = undefined;
  }
  onTestFinished(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  const started = () => {
    if (service === undefined) throw new Error("Cannot go on: no gateway was started");
    return service;
  };

  const programs = {
    ...createPrograms(folder),
    async curl(args: string[]) {
      const { request, showsHeaders } = readCurl(args);
      const response = await started().gateway.fetch(request);
      const { status, headers } = response;
      const body = await response.text();
      answers.push({ status, headers, body });
      const lines = [...headers].map(([name, value]) => `${name}: ${value}\n`);
      return showsHeaders ? `HTTP/1.1 ${status}\n${lines.join("")}\n${body}` : body;
    },
    async mosquitto_pub(args: string[]) {
      await started().publish(args);
      return "";
    },
  };

  return {
    async configure(text) {
      writeFileSync(path, text);
      let said = "";
      const write = (more: string) => {
        said += more;
      };
      const status = await checkConfig(path, { environment: environment(), write, writeError: write });
      return { status, text: said };
    },
    async start() {
      await close();
      service = await startService(loadGatewayConfig(path, environment()), environment());
    },
    async run(commands) {
      answers = [];
      const writeFile = (name: string, text: string) => writeFileSync(resolve(folder, name), text);
      const outputs = await runCommands(commands, { programs, variables, writeFile });
      return { output: outputs.at(-1) ?? "", answers };
    },
  };
}
