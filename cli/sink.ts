import { once } from "node:events";
import { formatItems } from "./sink-format.ts";
import { startSink } from "./sink-server.ts";
import { UsageError } from "./usage.ts";

/** The port of OTLP/gRPC. Source: OTLP specification, "OTLP/gRPC Default Port". */
const defaultPort = 4317;

/** Print what arrives over OTLP/gRPC, one line an item, until SIGINT or SIGTERM. */
export async function sink(options: {
  host?: string | undefined;
  port?: string | undefined;
}): Promise<number> {
  const port = options.port === undefined ? defaultPort : Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`Cannot listen on port "${options.port}": wanted an integer from 0 to 65535`);
  const server = await startSink({
    host: options.host ?? "127.0.0.1",
    port,
    onRequest: (signal, request) => {
      for (const line of formatItems(request)) process.stdout.write(`${signal.padEnd(7)} ${line}\n`);
    },
  });
  process.stderr.write(`Receiving OTLP/gRPC on ${server.url}\n`);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  await server.close();
  return 0;
}
