import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { explainFile } from "../../cli/explain.ts";
import { UsageError } from "../../cli/usage.ts";
import { endpoint, gateway, useFolder } from "../config/support.ts";

const inFolder = useFolder();

const configuration = `${endpoint("host: http://127.0.0.1:9\nbatching: {}")}---
${gateway(`store: { path: ./gateway.db }
sources:
  - name: devices
    adapter: raw
    authentication: { method: None }
    topicFilters: [plant/#]
    attributes: { site: "\${topic.2}", line: "\${userProperty.line}" }
destinations: [{ endpointRef: collector, signals: [metrics] }]`)}`;

const valid =
  '{"metrics":[{"name":"n","type":"f64_gauge","value":1.5,"timestamp":1767607200123456789,"attributes":[]}]}';

interface Asked {
  payload?: string;
  topic?: string | undefined;
  source?: string;
  userProperties?: string[];
  file?: string;
  /** More of the configuration. */
  documents?: string;
}

async function explain({ payload = valid, documents = "", ...asked }: Asked = {}) {
  writeFileSync(inFolder("gateway.yaml"), configuration + documents);
  writeFileSync(inFolder("payload.json"), payload);
  let output = "";
  const status = await explainFile({
    file: inFolder("payload.json"),
    topic: "plant/north",
    source: undefined,
    userProperties: [],
    configPath: inFolder("gateway.yaml"),
    environment: {},
    input: (async function* () {
      for (const byte of Buffer.from(payload)) yield Buffer.of(byte);
    })(),
    write: (text) => (output += text),
    ...asked,
  });
  return { status, output };
}

describe("explain", () => {
  it("tells each step, the items, the series and the request, and exits 0", async () => {
    const { status, output } = await explain({ userProperties: ["line=a=b"] });
    expect(status).toBe(0);
    expect(output.replace(/^Message that arrives at .*$/m, "Message")).toBe(`Message
  source: devices: POST /webhooks/devices, adapter raw
  topic: "plant/north" matches plant/#
  payload size: 105 bytes, limit is 1048576
  expires: never
  duplicates: no message id: a repeat counts as another message
  payload: read as AIO JSON, strictly: 1 metric, 0 logs
  verdict: accepted
  answer: the sender gets 200 once the message is on disk, where it waits for its destinations
Items
  f64_gauge n = 1.5 at 2026-01-05T10:00:00.123456789Z {"site":"north","line":"a=b"}
Destinations
  collector/metrics: sends to http://127.0.0.1:9
    series n: gauge {"site":"north","line":"a=b"}
    {
      "resourceMetrics": [
        {
          "resource": {"attributes":[{"key":"service.name","value":{"stringValue":"mqtt-otlp-gateway"}}]},
          "scopeMetrics": [
            {
              "scope": {"name":"mqtt-otlp-gateway"},
              "metrics": [
                {
                  "name": "n",
                  "gauge": {
                    "dataPoints": [
                      {
                        "timeUnixNano": "1767607200123456789",
                        "asDouble": 1.5,
                        "attributes": [
                          {"key":"site","value":{"stringValue":"north"}},
                          {"key":"line","value":{"stringValue":"a=b"}}
                        ]
                      }
                    ]
                  }
                }
              ]
            }
          ]
        }
      ]
    }
Remarks
  No store is open: a running gateway adds its own service.instance.id to a Resource that has none
It would be delivered
`);
  });

  it("tells what each rule of a mapping met", async () => {
    const mapping = `---
apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: thermostat }
spec:
  metrics: [{ name: f, type: f64_gauge, inputs: [T.Value], expression: "cToF($1)" }]
`;
    const { output } = await explain({ payload: '{"T":{"Value":72.5}}', documents: mapping });
    expect(output).toContain(`Rules
  metrics[0] of Mapping thermostat
    T.Value is 72.5
    cToF($1) is 162.5
Items
  f64_gauge f = 162.5 without a time`);
  });

  it("exits 1 when the message would not be delivered, and tells why", async () => {
    const refused = await explain({ payload: "{}" });
    expect(refused.status).toBe(1);
    expect(refused.output).toMatch(
      /^ {2}payload: no: read as AIO JSON, strictly: .*without metrics and logs, wanted one of them$/m,
    );
    expect(refused.output.endsWith("It would not be delivered\n")).toBe(true);
    const unwanted = await explain({ payload: '{"logs":[{"level":"info","value":"x","attributes":[]}]}' });
    expect(unwanted.status).toBe(1);
    expect(unwanted.output).toContain("collector/logs: does not get it: it takes no logs");
  });

  it("reads standard input for -, whatever its pieces are", async () => {
    const { status, output } = await explain({ file: "-", payload: valid.replace('"n"', '"größe"') });
    expect(status).toBe(0);
    expect(output).toContain("f64_gauge größe = 1.5");
  });

  it("opens no store", async () => {
    await explain();
    expect(existsSync(inFolder("gateway.db"))).toBe(false);
  });

  it("lets no text of a payload command the terminal", async () => {
    const { output } = await explain({ payload: valid.replace('"n"', '"n\\u001b[2J\u009b2J\\n"') });
    expect(output).toContain("n\\u001b[2J");
    expect(output.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  it.each([
    ["no topic", { topic: undefined }, '"explain" needs --topic'],
    ["a topic with wildcards", { topic: "plant/+" }, 'Cannot use topic "plant/+": wanted a Topic Name'],
    ["a user property without a value", { userProperties: ["line"] }, "wanted NAME=VALUE"],
    ["a source that is not configured", { source: "nobody" }, 'met "nobody", wanted one of devices'],
    ["a file that is not there", { file: "/nowhere/payload.json" }, "Cannot read /nowhere/payload.json"],
  ])("refuses %s", async (_, asked, message) => {
    await expect(explain(asked)).rejects.toThrow(UsageError);
    await expect(explain(asked)).rejects.toThrow(message);
  });
});

describe("mqtt-otlp-gateway explain", () => {
  function run(args: string[], input = "") {
    writeFileSync(inFolder("gateway.yaml"), configuration);
    const all = ["cli/main.ts", "explain", "--config", inFolder("gateway.yaml"), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { input, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("takes its options and a payload by standard input", () => {
    const properties = ["--user-property", "line=1", "--user-property", "other=2"];
    const { status, stdout, stderr } = run(
      ["--topic", "plant/a", "--source", "devices", ...properties, "-"],
      valid,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain('{"site":"a","line":"1"}');
  });

  it("exits 1 for a payload that nobody gets, and 2 for bad usage", () => {
    expect(run(["--topic", "plant/a", "-"], "{}").status).toBe(1);
    expect(run(["--topic", "plant/a"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('"explain" takes one FILE'),
    });
    expect(run(["--topic", "plant/a", "--probe", "-"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('"explain" takes no --probe'),
    });
    expect(run(["--tpoic", "plant/a", "-"])).toMatchObject({
      status: 2,
      stderr: "Unknown option '--tpoic'\nSee mqtt-otlp-gateway --help\n",
    });
  });
});
