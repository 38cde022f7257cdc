import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import { ContentTypeError, EnvelopeError } from "../pipeline/errors.ts";
import type { Explain, ExplainOptions } from "../pipeline/explain/explain.ts";
import { findOrigin } from "../pipeline/explain/origin.ts";
import type { WebhookRequest } from "../pipeline/source/adapter.ts";
import { parseJsonBody } from "../pipeline/source/envelope.ts";
import { createMqttAdapter } from "../pipeline/source/mqtt.ts";
import { methodNotAllowed, problem, validationProblem } from "./problem.ts";

const originSchema = z.object({ source: z.string().optional() });

/** Messages of one array: each answer holds a whole request. */
const messagesMax = 10;

/** POST /explain: what the gateway would do with a message, or each of an array, which it does not do. */
export function createExplainRoutes(options: ExplainOptions): Hono {
  const routes = new Hono({ strict: false });
  const adapter = createMqttAdapter({});
  const { bodyBytesMax } = options.config.limits;
  let explaining: Promise<Explain> | undefined;

  /** What is seldom asked for costs nothing at start. */
  async function prepare(): Promise<Explain> {
    const { createExplain } = await import("../pipeline/explain/explain.ts");
    return createExplain(options);
  }

  async function answer(request: WebhookRequest): Promise<Response> {
    const { value } = parseJsonBody(request, "mqtt");
    const { elements, isArray } = adapter.read(request);
    if (elements.length > messagesMax) {
      return problem(
        400,
        `Cannot explain ${elements.length} messages: wanted at most ${messagesMax} at once`,
      );
    }
    const broken = elements.filter((element) => element.kind === "broken");
    if (broken.length > 0) {
      const errors = broken.map(({ path, reason }) => ({ path, message: reason }));
      const detail = `Cannot explain ${broken.length} of ${elements.length} messages: they break the envelope, and would be kept as dead letters`;
      return problem(400, detail, { errors });
    }
    const origins = (isArray ? z.array(originSchema) : originSchema).safeParse(value);
    if (!origins.success) return validationProblem(origins) ?? problem(400, "Cannot read the source");
    const named = [origins.data].flat();
    const asked = elements.flatMap((element, index) => {
      if (element.kind !== "message") return [];
      const { message } = element;
      const origin = findOrigin(options.config, { name: named[index]?.source, topic: message.topic });
      return [{ origin, message }];
    });
    explaining ??= prepare();
    const explain = await explaining;
    const told = await Promise.all(asked.map(({ origin, message }) => explain(origin, message)));
    return Response.json(isArray ? told : told[0]);
  }

  routes.post(
    "/",
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: () => problem(413, `Cannot take the body: limit is ${bodyBytesMax} bytes`),
    }),
    async (c) => {
      const body = new Uint8Array(await c.req.arrayBuffer());
      try {
        return await answer({ headers: c.req.raw.headers, query: new URLSearchParams(), body });
      } catch (error) {
        if (error instanceof EnvelopeError) return problem(400, error.message, { errors: error.issues });
        if (error instanceof ContentTypeError) return problem(415, error.message);
        throw error;
      }
    },
  );
  routes.all("/", methodNotAllowed("POST"));
  return routes;
}
