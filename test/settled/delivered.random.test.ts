import { describe, expect, it, onTestFinished } from "vitest";
import type { Signal } from "../../pipeline/message.ts";
import { textsOf } from "../deliver/setup.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { createRandom } from "../support/random.ts";
import { bothText, gatewayAround, logText, metricText, quiet, stores } from "./setup.ts";

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);
const rounds = 30;

describe("receive() with receivers that answer at random", () => {
  it.each(seeds)(
    "acknowledges nothing before it was taken or became a dead letter, seed %i",
    async (seed) => {
      const random = createRandom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const { store } = await stores.memory();
      const { post, sinks, clock, run, end } = gatewayAround(store);
      onTestFinished(end);
      const taken = { metrics: new Set<string>(), logs: new Set<string>() };
      for (const signal of ["metrics", "logs"] as Signal[]) {
        sinks[signal].answer = (request) => {
          const texts = textsOf(request);
          if (random() < 0.3) return random() < 0.5 ? outcomes.unavailable : outcomes.cut;
          if (texts.some((text) => text.includes(`poison of ${signal}`))) return outcomes.invalid;
          for (const text of texts) taken[signal].add(text);
          return outcomes.accepted;
        };
      }

      const early: string[] = [];
      async function check(text: string) {
        const died = await store.deadLetters.list({ afterId: 0, limit: 1000 });
        for (const signal of ["metrics", "logs"] as Signal[]) {
          const isDead = died.some(
            ({ message, lane }) =>
              lane?.signal === signal && new TextDecoder().decode(message.payload) === text,
          );
          if (text.includes(`"${signal}"`) && !taken[signal].has(text) && !isDead)
            early.push(`${signal}: ${text}`);
        }
      }

      const posted: { texts: string[]; answer: Promise<unknown>; state: string }[] = [];
      let made = 0;
      function makeText(): string {
        made += 1;
        const name = `${made}${random() < 0.1 ? ` poison of ${random() < 0.5 ? "metrics" : "logs"}` : ""}`;
        return [metricText, logText, bothText][below(3)]?.(name) ?? "";
      }
      function postSome() {
        const earlier = posted[below(posted.length)];
        const isRepeat = earlier !== undefined && random() < 0.3;
        const texts = isRepeat ? earlier.texts : Array.from({ length: 1 + below(3) }, makeText);
        const one = post(texts, {
          messageId: "one id, told apart by the payload",
          timeoutMs: 1 + below(5_000),
        });
        const entry = Object.assign(one, { texts });
        posted.push(entry);
        return one.answer.then(
          () => Promise.all(texts.map(check)),
          () => undefined,
        );
      }

      run();
      const checks: Promise<unknown>[] = [];
      for (let round = 0; round < rounds; round += 1) {
        checks.push(postSome());
        if (random() < 0.5) await quiet();
        clock.advance(below(2_000));
      }
      while (posted.some(({ state }) => state === "waiting")) {
        await quiet();
        clock.advance(1_000);
      }
      await Promise.all(checks);
      expect(early).toEqual([]);
      expect(posted.some(({ state }) => state === "acknowledged")).toBe(true);
      expect(posted.filter(({ state }) => state.startsWith("failed"))).toEqual([]);

      // In the end each repeat is acknowledged, and nothing was taken in twice.
      for (const texts of new Set(posted.map((entry) => entry.texts))) {
        const last = post(texts, { messageId: "one id, told apart by the payload" });
        while (last.state === "waiting") {
          await quiet();
          clock.advance(30_000);
        }
        expect(await last.answer).toMatchObject({ accepted: 0, duplicates: texts.length });
      }
      expect((await store.ledger()).sources.raw).toMatchObject({ accepted: made });
    },
  );
});
