import { describe, expect, it } from "vitest";
import { endpoint, gateway, linesOf, load } from "./support.ts";

const anonymous = { method: "Anonymous" };
const tokenSettings = "serviceAccountTokenSettings: { audience: otel }";
const certificateSettings = "x509CertificateSettings: { secretRef: otel-client }";

function text(settings: string, destination = "", spec = ""): string {
  return `${endpoint(settings)}---\n${gateway(`destinations:\n  - { endpointRef: collector${destination} }${spec === "" ? "" : `\n${spec}`}`)}`;
}

function only(...parts: Parameters<typeof text>) {
  const config = load(text(...parts));
  const [destination] = config.destinations;
  if (destination === undefined) throw new Error("Wanted a destination");
  return { ...destination, warnings: config.warnings };
}

describe("authentication", () => {
  it.each([
    ["", anonymous],
    ["authentication: {}", anonymous],
    ["authentication: { method: Anonymous }", anonymous],
    ["authentication: { method: Anonymous, anonymousSettings: {} }", anonymous],
    [
      `authentication: { method: ServiceAccountToken, ${tokenSettings} }`,
      {
        method: "ServiceAccountToken",
        audience: "otel",
        tokenFile: "gateway.yaml:/var/run/secrets/gateway/token",
      },
    ],
    [
      `authentication: { method: X509Certificate, ${certificateSettings} }`,
      { method: "X509Certificate", folder: "gateway.yaml:/etc/gateway/secrets/otel-client" },
    ],
  ])("of %s", (settings, authentication) => {
    const { warnings, ...destination } = only(`host: https://a\n${settings}`);
    expect(destination.authentication).toEqual(authentication);
    expect(warnings).toEqual([]);
  });

  it("takes the token from the file of the Gateway, or of the destination", () => {
    const settings = `host: a\nauthentication: { method: ServiceAccountToken, ${tokenSettings} }`;
    const spec = "serviceAccountTokenFile: ./token";
    expect(only(settings, "", spec).authentication).toMatchObject({ tokenFile: "gateway.yaml:./token" });
    expect(only(settings, ", serviceAccountTokenFile: ./own", spec).authentication).toMatchObject({
      tokenFile: "gateway.yaml:./own",
    });
  });

  it("finds secrets and ConfigMaps in the folders of the Gateway", () => {
    const destination = only(
      `host: a\nauthentication: { method: X509Certificate, ${certificateSettings} }\ntls: { trustedCaCertificateConfigMapRef: ca.v1 }`,
      "",
      "secretsPath: ./s\nconfigMapsPath: ./c",
    );
    expect(destination).toMatchObject({
      authentication: { folder: "gateway.yaml:./s/otel-client" },
      trustedCaFolder: "gateway.yaml:./c/ca.v1",
      trustedCaFile: undefined,
    });
  });

  it("finds ConfigMaps where they commonly are", () => {
    expect(only("host: a\ntls: { trustedCaCertificateConfigMapRef: ca }").trustedCaFolder).toBe(
      "gateway.yaml:/etc/gateway/config/ca",
    );
  });

  it("takes files of a destination's own in place of the secret and the ConfigMap", () => {
    const files = ", certificates: { trustedCaFile: ca, clientCertificateFile: c, clientKeyFile: k }";
    for (const settings of [
      "host: a",
      "host: a\nauthentication: { method: X509Certificate }",
      `host: a\nauthentication: { method: X509Certificate, ${certificateSettings} }\ntls: { trustedCaCertificateConfigMapRef: ca }`,
    ]) {
      expect(only(settings, files)).toMatchObject({
        authentication: {
          method: "X509Certificate",
          certificateFile: "gateway.yaml:c",
          keyFile: "gateway.yaml:k",
        },
        trustedCaFolder: undefined,
        trustedCaFile: "gateway.yaml:ca",
        warnings: [],
      });
    }
  });

  it.each([
    [
      "a token that leaves without TLS",
      `host: http://localhost\nauthentication: { method: ServiceAccountToken, ${tokenSettings} }`,
      "",
      "Destination collector sends its service account token without TLS",
    ],
    [
      "authorities that nothing uses",
      "host: http://a\ntls: { trustedCaCertificateConfigMapRef: ca }",
      "",
      "Destination collector is reached without TLS; its trusted authorities have no effect",
    ],
    [
      "settings that are left of another method",
      `host: a\nauthentication: { method: Anonymous, ${tokenSettings} }`,
      "",
      "Endpoint collector: serviceAccountTokenSettings has no effect with method Anonymous",
    ],
    [
      "http:// that decides",
      "host: http://a\ntls: { mode: Enabled }",
      ", allowPlaintext: true",
      "Destination collector: http:// contradicts tls.mode Enabled; with allowPlaintext the scheme decides, and data leaves without TLS",
    ],
    [
      "https:// that decides",
      "host: https://a\ntls: { mode: Disabled }",
      ", allowPlaintext: true",
      "Destination collector: https:// contradicts tls.mode Disabled; with allowPlaintext the scheme decides, and TLS is on",
    ],
  ])("warns of %s", (_, settings, destination, warning) => {
    expect(only(settings, destination).warnings).toEqual([warning]);
  });

  it("lets the scheme decide with allowPlaintext", () => {
    expect(only("host: http://a\ntls: { mode: Enabled }", ", allowPlaintext: true").url).toBe(
      "http://a:4317",
    );
    expect(only("host: https://a\ntls: { mode: Disabled }", ", allowPlaintext: true").url).toBe(
      "https://a:4317",
    );
    expect(only("host: a\ntls: { mode: Enabled }", ", allowPlaintext: true").url).toBe("https://a:4317");
  });

  const at = (line: number, path: string, message: string) =>
    `gateway.yaml:${line}: spec.openTelemetrySettings.${path}: ${message}`;

  it.each([
    [
      "a method without its settings",
      "host: a\nauthentication: { method: ServiceAccountToken }",
      at(
        8,
        "authentication.serviceAccountTokenSettings",
        "Missing, wanted { audience: … } for method ServiceAccountToken",
      ),
    ],
    [
      "X509Certificate without its settings",
      "host: a\nauthentication: { method: X509Certificate }",
      at(
        8,
        "authentication.x509CertificateSettings",
        "Missing, wanted { secretRef: … } for method X509Certificate",
      ),
    ],
    [
      "no audience",
      "host: a\nauthentication:\n  method: ServiceAccountToken\n  serviceAccountTokenSettings: {}",
      at(10, "authentication.serviceAccountTokenSettings.audience", "Missing, wanted a text"),
    ],
    [
      "an audience that was never filled in",
      "host: a\nauthentication:\n  method: ServiceAccountToken\n  serviceAccountTokenSettings: { audience: <AUDIENCE> }",
      at(
        10,
        "authentication.serviceAccountTokenSettings.audience",
        "Wanted the audience that the receiver expects, met the placeholder <AUDIENCE>",
      ),
    ],
    [
      "no secret",
      "host: a\nauthentication:\n  method: X509Certificate\n  x509CertificateSettings: {}",
      at(10, "authentication.x509CertificateSettings.secretRef", "Missing, wanted a text"),
    ],
    [
      "a secret that was never filled in",
      "host: a\nauthentication:\n  method: X509Certificate\n  x509CertificateSettings: { secretRef: <SECRET> }",
      at(
        10,
        "authentication.x509CertificateSettings.secretRef",
        "Wanted the name of a secret, met the placeholder <SECRET>",
      ),
    ],
    [
      "a secret outside the folder of secrets",
      "host: a\nauthentication:\n  method: X509Certificate\n  x509CertificateSettings: { secretRef: .. }",
      at(
        10,
        "authentication.x509CertificateSettings.secretRef",
        "Wanted the name of a Kubernetes object, of lower-case letters, digits, '-' and '.', met a text (not shown)",
      ),
    ],
    [
      "settings without their method",
      `host: a\nauthentication: { ${tokenSettings} }`,
      at(8, "authentication.method", "Missing, wanted ServiceAccountToken for serviceAccountTokenSettings"),
    ],
    [
      "a certificate over plaintext",
      `host: http://a:1\nauthentication:\n  method: X509Certificate\n  ${certificateSettings}`,
      at(
        9,
        "authentication.method",
        "Wanted TLS for a client certificate, met http://a:1; write https:// in host, or another method",
      ),
    ],
    [
      "a certificate with TLS switched off",
      `host: a:1\nauthentication: { method: X509Certificate, ${certificateSettings} }\ntls: { mode: Disabled }`,
      at(
        8,
        "authentication.method",
        "Wanted TLS for a client certificate, met http://a:1; write https:// in host, or another method",
      ),
    ],
  ])("rejects %s", (_, settings, line) => {
    expect(linesOf(endpoint(settings))).toEqual([line]);
  });

  const ofDestination = (path: string, message: string) =>
    expect.stringMatching(
      new RegExp(`^gateway\\.yaml:\\d+: spec\\.destinations\\[0\\]\\.${path}: ${message}`),
    );

  it.each([
    [
      "a certificate file without its key",
      "host: a",
      ", certificates: { clientCertificateFile: c }",
      ofDestination("certificates.clientCertificateFile", "Wanted clientKeyFile beside it, met none$"),
    ],
    [
      "a key file without its certificate",
      "host: a",
      ", certificates: { clientKeyFile: k }",
      ofDestination("certificates.clientKeyFile", "Wanted clientCertificateFile beside it, met none$"),
    ],
    [
      "certificate files for another method",
      "host: a\nauthentication: { method: Anonymous }",
      ", certificates: { clientCertificateFile: c, clientKeyFile: k }",
      ofDestination(
        "certificates.clientCertificateFile",
        "Wanted method X509Certificate in the endpoint for a client certificate, met Anonymous$",
      ),
    ],
    [
      "certificate files over plaintext",
      "host: http://a",
      ", certificates: { clientCertificateFile: c, clientKeyFile: k }",
      ofDestination(
        "certificates.clientCertificateFile",
        "Wanted TLS for a client certificate, met http://a",
      ),
    ],
    [
      "a header in the place of the token",
      `host: a\nauthentication: { method: ServiceAccountToken, ${tokenSettings} }`,
      ", headers: { Authorization: hunter2 }",
      ofDestination(
        "headers.Authorization",
        "Wanted no header of this name beside method ServiceAccountToken",
      ),
    ],
  ])("rejects %s", (_, settings, destination, line) => {
    expect(linesOf(text(settings, destination))).toEqual([line]);
  });
});
