import { expect, it } from "vitest";
import { createChoices } from "../store/choices.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { setUp, textsOf } from "./setup.ts";

const hour = 3_600_000;
const steps = 800;

it("every message ends once, through random outcomes, waits and restarts", async () => {
  const random = createChoices();
  let test = setUp({ deliverWithinMs: hour });
  const { store, clock } = test;
  const taken: string[] = [];
  let appended = 0;

  let outcome: (typeof outcomes)[keyof typeof outcomes] = outcomes.accepted;

  /** A receiver that refuses "poison", and takes or loses the rest, for a while in the same way. */
  function behave() {
    if (random.chance(0.05)) outcome = pickOutcome();
    test.exporter.answer = (request) => {
      const texts = textsOf(request);
      if (texts.some((text) => text.startsWith("poison"))) return outcomes.invalid;
      if (outcome === outcomes.tooLarge && texts.length === 1) return outcomes.accepted;
      return outcome;
    };
  }

  const pickOutcome = () =>
    random.pick([
      outcomes.accepted,
      outcomes.accepted,
      outcomes.cut,
      outcomes.unavailable,
      outcomes.unauthenticated,
      outcomes.tooLarge,
    ]);

  /** Count what the receiver took. */
  function watch() {
    const { exporter } = test;
    const send = exporter.export;
    exporter.export = async (signal, request, options) => {
      const outcome = await send.call(exporter, signal, request, options);
      if (outcome.kind === "accepted") taken.push(...textsOf(request));
      return outcome;
    };
  }

  async function append() {
    const texts = Array.from({ length: 1 + random.below(6) }, () => {
      appended += 1;
      return `${random.chance(0.03) ? "poison" : "good"} ${appended}`;
    });
    const expiresAtUs = clock.nowUs() + random.below(2 * hour) * 1000;
    await test.append(texts, random.chance(0.2) ? { expiresAtUs } : {});
  }

  watch();
  for (let step = 0; step < steps; step += 1) {
    await append();
    clock.advance(random.below(hour / 8));
    if (random.chance(0.1)) {
      test = setUp({ deliverWithinMs: hour, store, clock });
      watch();
    }
    behave();
    await test.flush();
    const { owed, delivered, expired, deadLettered, pending } = await test.ledger();
    expect(delivered + expired + deadLettered + pending).toBe(owed);
  }
  behave();
  clock.advance(2 * hour);
  await test.flush();

  const dead: string[] = [];
  const reasons = new Set<string>();
  for (let afterId = 0; ; ) {
    const letters = await store.deadLetters.list({ afterId, limit: 1000 });
    if (letters.length === 0) break;
    for (const { id, message, reason } of letters) {
      afterId = id;
      dead.push(new TextDecoder().decode(message.payload));
      reasons.add(reason);
    }
  }
  expect(await test.ledger()).toMatchObject({
    owed: appended,
    pending: 0,
    delivered: taken.length,
    deadLettered: dead.length,
  });
  expect(new Set([...taken, ...dead]).size).toBe(taken.length + dead.length);
  expect(reasons).toEqual(new Set(["refused", "overdue"]));
});
