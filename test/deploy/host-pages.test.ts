/** Pages of docs/hosts: what they have a reader type works, with a receiver behind it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Gateway } from "../../handlers/runtime/assemble-gateway.ts";
import { loadGatewayConfig } from "../../handlers/runtime/config-files.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import { readCurl } from "../docs/curl.ts";
import { pagesIn, readPage, stepsOf } from "../docs/page.ts";
import { createPrograms } from "../docs/programs.ts";
import { runCommands } from "../docs/shell.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { startSink } from "../support/otlp-sink.ts";

const pages = pagesIn("docs/hosts/*.md");

/** A reader in a folder of its own, whose variables are those of the host. */
async function createReader() {
  const folder = mkdtempSync(join(tmpdir(), "host-page-"));
  const path = join(folder, "gateway.yaml");
  const sink = await startSink();
  const variables = new Map<string, string>();
  let gateway: Gateway | undefined;
  onTestFinished(async () => {
    await gateway?.close();
    await sink.close();
    rmSync(folder, { recursive: true });
  });

  async function open(): Promise<Gateway> {
    const environment = Object.fromEntries(variables);
    const config = loadGatewayConfig(path, environment, { isExposed: true });
    const destinations = config.destinations.map((one) => ({ ...one, url: sink.url }));
    const logger = createFakeLogger();
    const store = { ...config.store, path: join(folder, "gateway.db") };
    return openGatewayInPlace({ ...config, destinations, store }, { logger, environment });
  }

  const programs = {
    ...createPrograms(folder),
    async curl(args: string[]) {
      gateway ??= await open();
      const response = await gateway.fetch(readCurl(args).request);
      expect(response.status).toBe(200);
      return response.text();
    },
  };
  return {
    async configure(text: string) {
      await gateway?.close();
      gateway = undefined;
      writeFileSync(path, text);
      expect(loadGatewayConfig(path, {}, { isExposed: true }).destinations).not.toEqual([]);
    },
    async run(commands: string) {
      const writeFile = (name: string, text: string) => writeFileSync(resolve(folder, name), text);
      return (await runCommands(commands, { programs, variables, writeFile })).at(-1);
    },
  };
}

describe("a page of docs/hosts", () => {
  it.each(pages)("%s does what it says", async (path) => {
    const reader = await createReader();
    for (const step of stepsOf(readPage(path))) {
      if (step.kind === "configuration") {
        await reader.configure(step.text);
        continue;
      }
      const printed = await reader.run(step.text);
      if (step.answer) expect(printed?.trim()).toBe(step.answer.text);
    }
  });

  it.each(pages.filter((path) => !/README|kubernetes/.test(path)))("%s shows a message arrive", (path) => {
    const answers = stepsOf(readPage(path)).flatMap((step) =>
      step.kind === "commands" ? [step.answer?.text] : [],
    );
    expect(answers.join()).toContain('"accepted":1');
  });

  it.each(pages)("%s names files of the repository that are there", (path) => {
    const named = [...readPage(path).matchAll(/(?:deploy|handlers)\/[\w./-]*\w/g)].map(([file]) => file);
    expect(named.filter((file) => !existsSync(file))).toEqual([]);
  });
});
