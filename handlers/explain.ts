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

/** POST /explain: what the gateway would do with a message, which it does not do. */
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
    if (Array.isArray(value)) return problem(400, "Cannot explain an array: wanted one message");
    const envelope = adapter.read(request);
    const origin = originSchema.safeParse(value);
    if (!origin.success) return validationProblem(origin) ?? problem(400, "Cannot read the source");
    const [element] = envelope.elements;
    if (element?.kind !== "message") return problem(400, "Cannot explain the body: wanted one message");
    const { message } = element;
    const found = findOrigin(options.config, { name: origin.data.source, topic: message.topic });
    explaining ??= prepare();
    const explain = await explaining;
    return Response.json(await explain(found, message));
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
