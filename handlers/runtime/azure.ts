/**
 * The gateway on Azure Functions, programming model 4. The whole function app, `gateway.yaml` and a `host.json` with an
 * empty `routePrefix` beside it:
 *
 * ```js
 * import { app } from "@azure/functions";
 * import { createAzureFunctions } from "mqtt-otlp-gateway/azure";
 * const { http, timer } = createAzureFunctions({ configPath: `${import.meta.dirname}/gateway.yaml` });
 * app.http("gateway", { route: "{*path}", methods: ["GET", "POST", "DELETE", "OPTIONS"], authLevel: "anonymous", handler: http });
 * app.timer("flush", { schedule: "0 * * * * *", handler: timer });
 * ```
 */
import { problem } from "../problem.ts";
import { flushMsMax } from "../timer.ts";
import { createFetchGateway, type FetchOptions } from "./fetch-gateway.ts";

/** The part of an `HttpRequest` that is used here. */
export interface AzureRequest {
  method: string;
  url: string;
  headers: Iterable<[string, string]>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An `HttpResponseInit`. */
export interface AzureResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface AzureFunctions {
  http(request: AzureRequest): Promise<AzureResponse>;
  /** Errors: when a receiver did not take what was due, so that the invocation counts as failed. */
  timer(): Promise<void>;
}

/** Azure's load balancer ends a request with an error of its own after 230 s. Source: Azure Functions, "HTTP trigger", limits. */
const answerMsMax = 220_000;

/** The handlers of an HTTP trigger and a timer trigger, around one gateway that the first call opens. */
export function createAzureFunctions(options: FetchOptions = {}): AzureFunctions {
  const gateway = createFetchGateway(options);
  return {
    async http(azureRequest) {
      const request = await readRequest(azureRequest);
      if (request === undefined) return responseOf(problem(400, "Cannot read the request"));
      return responseOf(await gateway.answer(request, { timeoutMs: answerMsMax }));
    },
    async timer() {
      await gateway.flush({ deadlineMs: flushMsMax });
    },
  };
}

async function readRequest(request: AzureRequest): Promise<Request | undefined> {
  const { method, url } = request;
  try {
    const headers = new Headers([...request.headers]);
    if (method === "GET" || method === "HEAD") return new Request(url, { method, headers });
    const body = await request.arrayBuffer();
    headers.set("Content-Length", String(body.byteLength));
    return new Request(url, { method, headers, body });
  } catch {
    return undefined;
  }
}

/** All that the gateway answers is text. */
async function responseOf(response: Response): Promise<AzureResponse> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}
