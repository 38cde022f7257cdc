/**
 * The gateway for any host that calls a function with a Request and wants a Response, on Node or Deno:
 *
 * ```js
 * import { createFetchHandler } from "mqtt-otlp-gateway/fetch";
 * export default { fetch: createFetchHandler({ configPath: "gateway.yaml" }) };
 * ```
 */
import { createFetchGateway, type FetchGateway, type FetchOptions } from "./fetch-gateway.ts";

export type { FetchOptions } from "./fetch-gateway.ts";

/** Opens the gateway at the first request; 503 while it cannot be opened. */
export interface FetchHandler extends Pick<FetchGateway, "flush" | "close"> {
  (request: Request): Promise<Response>;
}

/** The gateway as one function. Whatever a host passes beside the request is ignored. */
export function createFetchHandler(options: FetchOptions = {}): FetchHandler {
  const { answer, flush, close } = createFetchGateway(options);
  return Object.assign((request: Request) => answer(request), { flush, close });
}
