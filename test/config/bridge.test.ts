import { describe, expect, it } from "vitest";
import { broker, endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

const local = "host: mqtt://localhost";

/** A bridge with these fields, each in a line from line 12 on, at a broker with these settings in line 7. */
function bridgeText(fields: string, settings = local) {
  const lines = ["name: plant", "endpointRef: broker", "topicFilters: [plant/#]", ...fields.split("\n")];
  const names = lines.map((line) => line.split(":")[0]);
  const kept = lines.filter((_, index) => names.lastIndexOf(names[index]) === index);
  const list = kept.map((line, index) => `${index === 0 ? "  - " : "    "}${line}`);
  return `${broker(settings)}---\n${gateway(`bridges:\n${list.join("\n")}`)}`;
}

function bridgeOf(fields: string, settings?: string) {
  const [only] = load(bridgeText(fields, settings)).bridges;
  return only;
}

function warningsOf(fields: string, settings?: string) {
  return load(bridgeText(fields, settings)).warnings;
}

describe("bridge", () => {
  it("has defaults", () => {
    expect(load(bridgeText("", "{}")).bridges).toEqual([
      {
        name: "plant",
        url: "mqtts://aio-broker:18883",
        protocolVersion: 5,
        authentication: { method: "Anonymous" },
        trustedCaFolder: undefined,
        trustedCaFile: undefined,
        topicFilters: ["plant/#"],
        sharedSubscription: undefined,
        qos: 1,
        retained: false,
        keepAliveSeconds: 60,
        sessionExpirySeconds: 600,
        maxInflightMessages: 100,
        clientIdPrefix: "",
        lenient: false,
        counterValues: "increment",
        attributes: {},
        attributeValuesMax: 1000,
        baggage: [],
      },
    ]);
    expect(load(bridgeText("", "{}")).warnings).toEqual([]);
  });

  it("is taken as written", () => {
    const settings = `host: wss://broker.example:8084/mqtt
    protocol: WebSockets
    clientIdPrefix: edge-
    keepAliveSeconds: 0
    qos: 0
    sessionExpirySeconds: 4294967295
    maxInflightMessages: 65535
    retain: Never
    cloudEventAttributes: Propagate
    tls: { mode: Enabled, trustedCaCertificateConfigMapRef: plant-ca }`.replaceAll("\n    ", "\n");
    const fields = `topicFilters: [a/+, b/#]
sharedSubscription: gateways
protocolVersion: 3.1.1
lenient: true
counterValues: total
attributes: { line: "$\u{7b}topic.2}" }
attributeValuesMax: 5
baggage: [tenant]`;
    expect(bridgeOf(fields, settings)).toEqual({
      name: "plant",
      url: "wss://broker.example:8084/mqtt",
      protocolVersion: 4,
      authentication: { method: "Anonymous" },
      trustedCaFolder: "gateway.yaml:/etc/gateway/config/plant-ca",
      trustedCaFile: undefined,
      topicFilters: ["a/+", "b/#"],
      sharedSubscription: "gateways",
      qos: 0,
      retained: false,
      keepAliveSeconds: 0,
      sessionExpirySeconds: 4_294_967_295,
      maxInflightMessages: 65_535,
      clientIdPrefix: "edge-",
      lenient: true,
      counterValues: "total",
      attributes: { line: "$\u{7b}topic.2}" },
      attributeValuesMax: 5,
      baggage: ["tenant"],
    });
  });

  it.each([
    [
      "a token of the Gateway's file",
      "lenient: false",
      "authentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: aio-internal } }",
      {
        method: "ServiceAccountToken",
        audience: "aio-internal",
        tokenFile: "gateway.yaml:/var/run/secrets/gateway/token",
      },
    ],
    [
      "a token of its own file",
      "serviceAccountTokenFile: t",
      "authentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: a } }",
      { method: "ServiceAccountToken", audience: "a", tokenFile: "gateway.yaml:t" },
    ],
    [
      "the certificate of a secret",
      "lenient: false",
      "authentication: { method: X509Certificate, x509CertificateSettings: { secretRef: client } }",
      { method: "X509Certificate", folder: "gateway.yaml:/etc/gateway/secrets/client" },
    ],
    [
      "a certificate in files",
      "certificates: { clientCertificateFile: c, clientKeyFile: k }",
      "authentication: { method: X509Certificate }",
      { method: "X509Certificate", certificateFile: "gateway.yaml:c", keyFile: "gateway.yaml:k" },
    ],
    [
      "a user name and a password",
      "username: u\npassword: { file: p }",
      "authentication: { method: Anonymous, anonymousSettings: {} }",
      { method: "UsernamePassword", username: "u", password: { file: "gateway.yaml:p" } },
    ],
    [
      "a user name, and a password of the environment",
      "username: u\npassword: { env: P }",
      "keepAliveSeconds: 60",
      { method: "UsernamePassword", username: "u", password: { env: "P" } },
    ],
  ])("shows %s", (_, fields, settings, wanted) => {
    expect(bridgeOf(fields, `host: broker\n${settings}`)?.authentication).toEqual(wanted);
  });

  it("trusts a file in place of a ConfigMap", () => {
    const settings = "host: broker\ntls: { trustedCaCertificateConfigMapRef: map }";
    expect(bridgeOf("certificates: { trustedCaFile: ca.pem }", settings)).toMatchObject({
      trustedCaFolder: undefined,
      trustedCaFile: "gateway.yaml:ca.pem",
    });
  });

  it("can share an endpoint with another, and differ from it", () => {
    const text = `${broker("host: mqtt://b\ntls: { mode: Enabled }")}---\n${gateway(`bridges:
  - { name: one, endpointRef: broker, topicFilters: [a], allowPlaintext: true }
  - { name: two, endpointRef: broker, topicFilters: [a] }`)}`;
    expect(issuesOf(text)).toHaveLength(1);
    expect(load(text.replace("[a] }", "[a], allowPlaintext: true }")).bridges).toMatchObject([
      { name: "one" },
      { name: "two" },
    ]);
  });

  it("is a warning when another takes the same messages of the same broker", () => {
    const warnings = (filter: string, endpointRef: string) =>
      load(
        [
          broker("host: b", "b1"),
          broker("host: b:8883", "b2"),
          broker("host: c", "c"),
          gateway(`bridges:
  - { name: one, endpointRef: b1, topicFilters: [x, a/+] }
  - { name: two, endpointRef: b2, topicFilters: [y] }
  - { name: three, endpointRef: c, topicFilters: [z] }
  - { name: four, endpointRef: ${endpointRef}, topicFilters: [${filter}] }`),
        ].join("---\n"),
      ).warnings;
    expect(warnings("a/#", "b2")).toEqual([
      "Bridges one and four overlap at mqtts://b:8883; what both take arrives twice",
    ]);
    expect(warnings("b/#", "b2")).toEqual([]);
    expect(warnings("a/#", "c")).toEqual([]);
  });

  it("can be named by a destination", () => {
    const text = `${bridgeText("")}---\n${endpoint("host: http://c:1")}`.replace(
      "  bridges:",
      "  sources: []\n  destinations: [{ endpointRef: collector, sources: [plant] }]\n  bridges:",
    );
    expect(load(text).destinations[0]?.sources).toEqual(["plant"]);
  });

  it("is enough without a source", () => {
    const text = bridgeText("").replace("  bridges:", "  sources: []\n  bridges:");
    expect(load(text).warnings).toEqual([]);
  });

  it.each([
    ["name: a/b", "name", expect.stringMatching(/^Wanted 1 to 63 letters, .*, met "a\/b"$/)],
    ["topicFilters: []", "topicFilters", "Wanted at least 1 element, met a list"],
    ["topicFilters: [a#]", "topicFilters[0]", expect.stringMatching(/^Wanted a Topic Filter such as /)],
    [
      "topicFilters: [$share/g/a]",
      "topicFilters[0]",
      'Wanted a Topic Filter without the name of a share, which stands in sharedSubscription, met "$share/g/a"',
    ],
    [
      "topicFilters: [a/+, b, a/c]",
      "topicFilters[2]",
      'Wanted filters that no topic matches two of, met "a/c" beside "a/+"',
    ],
    [
      "topicFilters: [a, a]",
      "topicFilters[1]",
      'Wanted filters that no topic matches two of, met "a" beside "a"',
    ],
    [
      "sharedSubscription: a/b",
      "sharedSubscription",
      'Wanted the name of a share, without /, + and #, met "a/b"',
    ],
    ["retained: yes", "retained", 'Wanted true or false, met "yes"'],
    ["protocolVersion: 4", "protocolVersion", "Wanted one of 5, 3.1.1, met 4"],
    ["allowPlaintext: 1", "allowPlaintext", "Wanted true or false, met 1"],
    ["username: u", "username", "Wanted password beside it, met none"],
    ["password: { env: P }", "password", "Wanted username beside it, met none"],
    ["username: ''\npassword: { env: P }", "username", "Wanted a text that is not empty, met an empty one"],
    [
      "certificates: { clientKeyFile: k }",
      "certificates.clientKeyFile",
      "Wanted clientCertificateFile beside it, met none",
    ],
    [
      "certificates: { caFile: k }",
      "certificates.caFile",
      expect.stringMatching(/^Unknown field, wanted one of /),
    ],
    [
      "serviceAccountTokenFile: eyJh.eyJz",
      "serviceAccountTokenFile",
      "Wanted the path of a file, met its content (not shown)",
    ],
    ["attributes: { a: '$\u{7b}x}' }", "attributes.a", expect.stringContaining("met $\u{7b}x}")],
    ["host: mqtt://b", "host", expect.stringMatching(/^Unknown field, wanted one of name, endpointRef, /)],
  ])("is rejected with %s", (field, path, message) => {
    expect(issuesOf(bridgeText(field))).toEqual([
      { file: "gateway.yaml", line: expect.any(Number), path: `spec.bridges[0].${path}`, message },
    ]);
  });

  it("is rejected at the line of the fault", () => {
    expect(linesOf(bridgeText("qos: 1"))).toEqual([
      expect.stringMatching(/^gateway\.yaml:16: spec\.bridges\[0\]\.qos: Unknown field, wanted one of /),
    ]);
  });

  it("does not show a password that stands there as a text", () => {
    expect(linesOf(bridgeText("username: u\npassword: hunter2"))).toEqual([
      "gateway.yaml:17: spec.bridges[0].password: Wanted { file: PATH } or { env: NAME }, met a text (not shown)",
    ]);
  });

  it.each(["name", "endpointRef", "topicFilters"])("needs %s", (field) => {
    const text = bridgeText("").replace(
      new RegExp(`(  - |    )${field}: .*`),
      (_, indent) => `${indent}lenient: false`,
    );
    expect(issuesOf(text).map(({ path, message }) => [path, message])).toEqual([
      [`spec.bridges[0].${field}`, expect.stringMatching(/^(Missing, w|W)anted /)],
    ]);
  });

  it("needs an endpoint of type Mqtt that there is", () => {
    const text = `${bridgeText("endpointRef: broke")}---\n${endpoint("host: a", "collector")}`;
    expect(linesOf(text)).toEqual([
      'gateway.yaml:15: spec.bridges[0].endpointRef: Wanted the name of an Mqtt endpoint, met "broke", and there is broker',
    ]);
    expect(linesOf(text.replace("endpointRef: broke", "endpointRef: collector"))).toEqual([
      'gateway.yaml:15: spec.bridges[0].endpointRef: Wanted the name of an Mqtt endpoint, met "collector", and there is broker',
    ]);
  });

  it("is no place to send to", () => {
    const text = `${bridgeText("")}`.replace(
      "  bridges:",
      "  destinations: [{ endpointRef: broker }]\n  bridges:",
    );
    expect(linesOf(text)).toEqual([
      'gateway.yaml:12: spec.destinations[0].endpointRef: Wanted the name of an OpenTelemetry endpoint, met "broker", and there is none',
    ]);
  });

  it("needs a name that no source and no other bridge has", () => {
    const spec = `sources: [{ name: a }]
bridges:
  - { name: a, endpointRef: broker, topicFilters: [x] }
  - { name: b, endpointRef: broker, topicFilters: [x] }
  - { name: b, endpointRef: broker, topicFilters: [x] }`;
    expect(linesOf(`${gateway(spec)}---\n${broker(local)}`)).toEqual([
      'gateway.yaml:6: spec.bridges[0].name: Wanted a name of its own, met "a" again',
      'gateway.yaml:8: spec.bridges[2].name: Wanted a name of its own, met "b" again',
    ]);
  });

  it("cannot have the name of a source that is there because none is written", () => {
    expect(linesOf(bridgeText("name: emqx"))).toEqual([
      'gateway.yaml:15: spec.bridges[0].name: Wanted a name of its own, met "emqx", the name of a source that is there unless sources are written',
    ]);
  });

  it.each([
    ["ServiceAccountToken, serviceAccountTokenSettings: { audience: a }", "ServiceAccountToken"],
    ["X509Certificate, x509CertificateSettings: { secretRef: a }", "X509Certificate"],
  ])("has no user name beside method %s", (method, met) => {
    const settings = `host: broker\nauthentication: { method: ${method} }`;
    expect(linesOf(bridgeText("username: u\npassword: { env: P }", settings))).toEqual([
      `gateway.yaml:17: spec.bridges[0].username: Wanted method Anonymous in the endpoint for a user name and a password, met ${met}`,
    ]);
  });

  it("has either a user name or a certificate", () => {
    const fields =
      "username: u\npassword: { env: P }\ncertificates: { clientCertificateFile: c, clientKeyFile: k }";
    expect(linesOf(bridgeText(fields, "host: broker"))).toEqual([
      "gateway.yaml:16: spec.bridges[0].username: Wanted either a user name and a password or a client certificate, met both",
    ]);
  });

  it("shows a token by MQTT 5 alone", () => {
    const settings =
      "host: broker\nauthentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: a } }";
    expect(linesOf(bridgeText("protocolVersion: 3.1.1", settings))).toEqual([
      "gateway.yaml:17: spec.bridges[0].protocolVersion: Wanted protocolVersion 5 for method ServiceAccountToken, met 3.1.1",
    ]);
  });

  it.each([
    [
      "mqtt://b",
      "Enabled",
      "Wanted a scheme and a tls.mode that agree, met mqtt:// with tls.mode Enabled; write mqtts://b here or mode: Disabled in line 8, or set allowPlaintext: true on this bridge in the Gateway document, and the scheme decides",
    ],
    [
      "wss://b:1/s:x",
      "Disabled",
      "Wanted a scheme and a tls.mode that agree, met wss:// with tls.mode Disabled; write ws://b:1/s:x here or mode: Enabled in line 8, or set allowPlaintext: true on this bridge in the Gateway document, and the scheme decides",
    ],
  ])("is rejected when %s contradicts tls.mode %s, unless it allows that", (host, mode, message) => {
    const settings = `host: ${host}\ntls: { mode: ${mode} }`;
    expect(linesOf(bridgeText("", settings))).toEqual([`gateway.yaml:7: spec.mqttSettings.host: ${message}`]);
    const [scheme] = host.split(":");
    const means = mode === "Disabled" ? "TLS is on" : "data comes without TLS";
    expect(warningsOf("allowPlaintext: true", settings)).toEqual([
      `Bridge plant: ${scheme}:// contradicts tls.mode ${mode}; with allowPlaintext the scheme decides, and ${means}`,
    ]);
  });

  it.each([
    [
      "lenient: false",
      "authentication: { method: X509Certificate, x509CertificateSettings: { secretRef: a } }",
      "gateway.yaml:8: spec.mqttSettings.authentication.method",
    ],
    [
      "certificates: { clientCertificateFile: c, clientKeyFile: k }",
      "keepAliveSeconds: 1",
      "gateway.yaml:17: spec.bridges[0].certificates.clientCertificateFile",
    ],
  ])("shows no certificate without TLS: %s, %s", (fields, settings, place) => {
    expect(linesOf(bridgeText(fields, `host: ws://b\n${settings}`))).toEqual([
      `${place}: Wanted TLS for a client certificate, met ws://b:80/mqtt; write wss:// in host, or another method`,
    ]);
  });

  it.each([
    [
      "username: u\npassword: { env: P }",
      "host: mqtt://b",
      ["Bridge plant sends its user name and password without TLS"],
    ],
    ["username: u\npassword: { env: P }", local, []],
    ["username: u\npassword: { env: P }", "host: b", []],
    [
      "lenient: false",
      "host: mqtt://b\nauthentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: a } }",
      ["Bridge plant sends its service account token without TLS"],
    ],
    [
      "certificates: { trustedCaFile: ca }",
      "host: mqtt://b",
      ["Bridge plant connects without TLS; its trusted authorities have no effect"],
    ],
    [
      "lenient: false",
      "host: b\nauthentication: { method: Anonymous, x509CertificateSettings: { secretRef: a } }",
      ["Endpoint broker: x509CertificateSettings has no effect with method Anonymous"],
    ],
    [
      "sharedSubscription: g\nprotocolVersion: 3.1.1",
      local,
      [
        "Bridge plant has a shared subscription with MQTT 3.1.1, which knows none; some brokers offer it all the same",
      ],
    ],
    [
      "sharedSubscription: g\nretained: true",
      local,
      ["Bridge plant: retained has no effect with a shared subscription, which gets no retained messages"],
    ],
    [
      "lenient: false",
      "host: b\nsessionExpirySeconds: 0",
      [
        "Bridge plant: sessionExpirySeconds 0 ends the session with the connection; what is published until the next one is missed",
      ],
    ],
    ["lenient: false", "host: b\nsessionExpirySeconds: 0\nqos: 0", []],
  ])("with %j at %j has the warnings %j", (fields, settings, warnings) => {
    expect(warningsOf(fields, settings)).toEqual(warnings);
  });
});
