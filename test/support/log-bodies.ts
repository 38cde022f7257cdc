import type { SinkRequest } from "../../cli/sink-server.ts";

/** The bodies of the log records in a request, as text; none of a request for metrics. */
export function logBodiesOf(request: SinkRequest): string[] {
  if (!("resourceLogs" in request)) return [];
  const scopes = request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs);
  return scopes.flatMap(({ logRecords }) => logRecords.map(({ body }) => String(body?.value.value)));
}
