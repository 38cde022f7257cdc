import { describe, expect, it } from "vitest";
import { describeCause, innermostMessage } from "../../pipeline/export/failure-cause.ts";

function failed(cause: Error): TypeError {
  return new TypeError("fetch failed", { cause });
}

function coded(code: string): Error {
  return Object.assign(new Error("went wrong"), { code });
}

describe("describeCause()", () => {
  it.each([
    ["ECONNREFUSED", /refused/],
    ["UND_ERR_CONNECT_TIMEOUT", /in time/],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /client certificate/],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", /client certificate/],
    ["ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", /client certificate/],
    ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", /client certificate/],
    ["ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", /handshake/],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", /1\.2/],
    ["ERR_OSSL_ASN1_WRONG_TAG", /not valid PEM/],
    ["HPE_INVALID_CONSTANT", /HTTP\/1\.1/],
  ])("understands the code %s", (code, sentence) => {
    expect(describeCause(failed(coded(code)))).toMatch(sentence);
  });

  it.each([
    [
      "client error (Connect): tcp connect error: Connection refused (os error 111)",
      /connection was refused/,
    ],
    ["client error (Connect): dns error: failed to lookup address information", /host name is unknown/],
    ["Connection reset by peer (os error 104)", /reset/],
    ["client error (SendRequest): connection closed before message completed", /closed the connection/],
    ["client error (SendRequest): invalid HTTP version parsed", /HTTP\/1\.1/],
    ["client error (Connect): received corrupt message of type InvalidContentType", /does not speak TLS/],
    ["client error (Connect): invalid peer certificate: UnknownIssuer", /not trusted/],
    ['invalid peer certificate: certificate not valid for name "a"', /another host name/],
    ["invalid peer certificate: certificate expired: verification time", /has expired/],
    ["invalid peer certificate: certificate not valid yet: verification time", /not valid yet/],
    ["Fetch failed: Requests to port 6000 are blocked", /keep away/],
    ["No certificates found in certificate data", /not valid PEM/],
    ["received fatal alert: UnknownCA", /client certificate/],
    ["received fatal alert: CertificateRequired", /client certificate/],
    ["received fatal alert: HandshakeFailure", /handshake/],
    ["received fatal alert: ProtocolVersion", /1\.2/],
  ])("understands %j, which has no code", (message, sentence) => {
    expect(describeCause(failed(new Error(message)))).toMatch(sentence);
  });

  it("prefers a code to words, and an outer cause to an inner one", () => {
    const inner = Object.assign(new Error("Connection refused"), { code: "ENOTFOUND" });
    expect(describeCause(failed(inner))).toMatch(/unknown/);
    const outer = Object.assign(new Error("outer", { cause: coded("EPIPE") }), { code: "ECONNRESET" });
    expect(describeCause(failed(outer))).toMatch(/reset/);
  });

  it.each([undefined, "text", new Error("something else"), failed(coded("E_NEW"))])(
    "says nothing of %s",
    (error) => {
      expect(describeCause(error)).toBeUndefined();
    },
  );

  it("ends with causes in a circle", () => {
    const error = new Error("round");
    error.cause = failed(error);
    expect(describeCause(error)).toBeUndefined();
  });
});

describe("innermostMessage()", () => {
  it("gives the words of the last cause", () => {
    expect(innermostMessage(failed(new Error("outer", { cause: new Error("inner") })))).toBe("inner");
  });

  it("gives the words of what is no error", () => {
    expect(innermostMessage("oops")).toBe("oops");
  });
});
