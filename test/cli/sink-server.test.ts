import { expect, it } from "vitest";
import { startSink } from "../../cli/sink-server.ts";

it("startSink() says where it cannot listen when the port is taken", async () => {
  const first = await startSink({ host: "127.0.0.1", port: 0 });
  try {
    await expect(startSink({ host: "127.0.0.1", port: first.port })).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${first.port}: listen EADDRINUSE`,
    );
  } finally {
    await first.close();
  }
});
