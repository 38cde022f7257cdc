import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import type { Flush } from "./app.ts";
import { methodNotAllowed, problem, validationProblem } from "./problem.ts";

/** A scheduler's own patience is commonly 30 s. */
export const flushMsMax = 25_000;
const bodyBytesMax = 1024;

const flushBody = z.strictObject({ force: z.boolean().default(false) });

/** POST /timer/flush: deliver what is due, or all of it, and say what is left. */
export function createTimerRoutes(flush: Flush): Hono {
  const routes = new Hono({ strict: false });

  async function answer(c: Context, force: boolean): Promise<Response> {
    const { batches, messages, items, pending, nextDueMs, failed } = await flush({
      force,
      deadlineMs: flushMsMax,
    });
    const nextDueSeconds = nextDueMs === null ? null : Math.max(0, Math.ceil(nextDueMs / 1000));
    return c.json({ batches, messages, items, pending, nextDueSeconds }, failed ? 503 : 200);
  }

  routes.post(
    "/flush",
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: () => problem(413, `Cannot take the body: limit is ${bodyBytesMax} bytes`),
    }),
    async (c, next) => {
      // Schedulers send no body, whatever their Content-Type says.
      if ((await c.req.arrayBuffer()).byteLength === 0) return answer(c, false);
      const isJson = /^application\/([\w.-]+\+)?json\b/i.test(c.req.header("content-type") ?? "");
      return isJson ? next() : problem(415, "Cannot read the body: wanted Content-Type application/json");
    },
    zValidator("json", flushBody, validationProblem),
    (c) => answer(c, c.req.valid("json").force),
  );
  routes.all("/flush", methodNotAllowed("POST"));
  return routes;
}
