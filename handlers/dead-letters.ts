import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import * as z from "zod";
import { StoreFullError } from "../pipeline/errors.ts";
import type { Receiver } from "../pipeline/receive.ts";
import type { DeadLetter, DeadLetterStore } from "../pipeline/store/batch-store.ts";
import { methodNotAllowed, problem, validationProblem } from "./problem.ts";
import { isoTime } from "./status.ts";

/** A page ends after about this much payload, whatever `limit` says. */
const pageBytesMax = 8 * 1024 * 1024;
/** Read at a time: each may be as large as a body. */
const sliceLettersMax = 10;

const listQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  source: z.string().min(1).optional(),
  reason: z
    .enum(["invalidPayload", "invalidEnvelope", "topicNotAllowed", "refused", "tooLarge", "overdue"])
    .optional(),
});
const idParam = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

const validateId = zValidator("param", idParam, (result) => (result.success ? undefined : notFound()));

export interface DeadLetterRoutesOptions {
  deadLetters: DeadLetterStore;
  receiver: Receiver;
}

/** List, show, replay and delete what was acknowledged and will not be delivered. */
export function createDeadLetterRoutes({ deadLetters, receiver }: DeadLetterRoutesOptions): Hono {
  const routes = new Hono({ strict: false });

  routes.get("/", zValidator("query", listQuery, validationProblem), async (c) => {
    const { after, limit, source, reason } = c.req.valid("query");
    const letters = await readPage(deadLetters, { afterId: after, limit, source, reason });
    return c.json({ items: letters.items.map(describe), next: letters.next });
  });
  routes.all("/", methodNotAllowed("GET, HEAD"));

  routes.get("/:id", validateId, async (c) => {
    const letter = await deadLetters.get(c.req.valid("param").id);
    return letter ? c.json(describe(letter)) : notFound();
  });
  routes.delete("/:id", validateId, async (c) => {
    const isDeleted = await deadLetters.delete(c.req.valid("param").id);
    return isDeleted ? c.body(null, 204) : notFound();
  });
  routes.all("/:id", methodNotAllowed("GET, HEAD, DELETE"));

  routes.post("/:id/replay", validateId, async (c) => {
    const { id } = c.req.valid("param");
    const letter = await deadLetters.get(id);
    if (!letter) return notFound();
    const replay = await receiver.replay(letter);
    if (replay.kind === "gone") return notFound();
    if (replay.kind === "replayed") return c.json({ replayed: id });
    return problem(422, replay.refusal.message, { errors: [replay.refusal] });
  });
  routes.all("/:id/replay", methodNotAllowed("POST"));

  routes.onError((error) => {
    if (!(error instanceof StoreFullError)) throw error;
    return problem(503, error.message, { headers: { "Retry-After": "5" } });
  });
  return routes;
}

async function readPage(store: DeadLetterStore, query: Parameters<DeadLetterStore["list"]>[0]) {
  const items: DeadLetter[] = [];
  let bytes = 0;
  let { afterId } = query;
  for (;;) {
    const wanted = Math.min(query.limit - items.length, sliceLettersMax);
    const slice = await store.list({ ...query, afterId, limit: wanted });
    for (const letter of slice) {
      items.push(letter);
      afterId = letter.id;
      bytes += letter.message.payload.byteLength;
      if (items.length >= query.limit || bytes >= pageBytesMax) return { items, next: afterId };
    }
    if (slice.length < wanted) return { items, next: null };
  }
}

function notFound(): Response {
  return problem(404, "No dead letter has this id");
}

function describe(letter: DeadLetter) {
  const { id, message, reason, path, detail, lane, possiblyDelivered } = letter;
  const { payload, publishedAtUs, ...rest } = message;
  return {
    id,
    diedAt: isoTime(letter.diedAtUs),
    arrivedAt: isoTime(letter.arrivedAtUs),
    stage: lane ? "delivery" : "arrival",
    destination: lane?.destination ?? null,
    signal: lane?.signal ?? null,
    reason,
    path,
    detail,
    possiblyDelivered,
    ...rest,
    publishedAt: publishedAtUs === undefined ? undefined : isoTime(publishedAtUs),
    ...payloadText(payload),
  };
}

function payloadText(payload: Uint8Array): { payload: string } | { payloadBase64: string } {
  try {
    return { payload: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload) };
  } catch {
    return { payloadBase64: Buffer.from(payload).toString("base64") };
  }
}
