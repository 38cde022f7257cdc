import { describe, expect, it, onTestFinished } from "vitest";
import { httpExporter } from "../export/exporting.ts";
import { startHttp } from "../export/http-server.ts";
import { setUp } from "./setup.ts";

/** A lane that leads to a web server without an OTLP receiver. */
async function leadingTo(status: number) {
  const server = await startHttp((_request, _body, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  onTestFinished(server.close);
  const origin = `http://127.0.0.1:${server.port}`;
  const { export: send, close } = httpExporter(origin);
  onTestFinished(close);
  const around = setUp();
  around.exporter.export = send;
  await around.append(["a"]);
  await around.flush();
  return around;
}

describe("a destination whose path is wrong", () => {
  it.each([
    [405, "to POST /v1/metrics: is this the path of an OTLP receiver?"],
    [415, "to POST /v1/metrics: it takes no protobuf there"],
  ])(
    "has dead letters, and /status and the log name the path, when it answers %i",
    async (status, advice) => {
      const { delivery, logger, deadLetters, ledger } = await leadingTo(status);
      const reason = expect.stringContaining(`The receiver answered HTTP ${status} ({}) ${advice}`);
      expect(delivery.health()).toMatchObject({ health: "Degraded", reason });
      expect(logger.lines.map(({ fields }) => fields)).toMatchObject([{ reason: "refused", detail: reason }]);
      expect(await deadLetters()).toMatchObject([{ reason: "refused", detail: reason }]);
      expect(await ledger()).toMatchObject({ deadLettered: 1, pending: 0 });
    },
  );

  it("keeps its messages, and /status and the log name the path, when it answers 404", async () => {
    const { delivery, logger, ledger } = await leadingTo(404);
    const reason = expect.stringMatching(/answered HTTP 404.*nothing at \/v1\/metrics; check the path/);
    expect(delivery.health()).toMatchObject({ health: "Unavailable", reason });
    expect(logger.lines.map(({ fields }) => fields)).toMatchObject([{ health: "Unavailable", reason }]);
    expect(await ledger()).toMatchObject({ deadLettered: 0, pending: 1 });
  });
});
