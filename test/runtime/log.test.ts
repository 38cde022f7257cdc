import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { createLogger } from "../../handlers/runtime/log.ts";

function written(terminal: boolean, fields: Record<string, unknown>): string {
  const stream = new PassThrough();
  createLogger({ level: "info", stream, terminal }).warn(fields, "A message became a dead letter");
  return String(stream.read());
}

describe("createLogger()", () => {
  it("writes one JSON object a line with time, level, message and fields", () => {
    const line = written(false, { lane: "collector/logs", suppressed: 0 });
    expect(line).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(line)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: "warn",
      message: "A message became a dead letter",
      lane: "collector/logs",
      suppressed: 0,
    });
  });

  it("writes what an error says, and its causes", () => {
    const error = new Error("Cannot commit", { cause: new Error("disk I/O error") });
    const line = JSON.parse(written(false, { error })) as { error: { message: string; stack: string } };
    expect(line.error.message).toBe("Cannot commit: disk I/O error");
    expect(line.error.stack).toContain("log.test.ts");
    expect(written(true, { error })).toMatch(/Cannot commit: disk I\/O error.*\n$/);
  });

  it("writes readable text for a terminal", () => {
    const line = written(true, { source: "raw", suppressed: 2 });
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}A message became a dead letter {2}source=raw {2}suppressed=2\n$/,
    );
  });

  it("keeps a sender's text from steering the terminal", () => {
    expect(written(true, { detail: "\u001b[2Jgone\nwarn forged" })).toContain(
      'detail="\\u001b[2Jgone\\nwarn forged"\n',
    );
  });
});
