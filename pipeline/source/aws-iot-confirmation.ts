/**
 * The confirmation of a destination: AWS IoT Core posts an address, and whoever fetches it shows that the endpoint
 * wants its messages. It is fetched only from hosts that the configuration names, because anyone may send such a
 * request, with any address. Otherwise an operator may open it.
 *
 * Source: AWS IoT Developer Guide, "HTTP action destinations".
 */
import { z } from "zod";
import { EnvelopeError } from "../errors.ts";
import type { Handshake, HandshakeRequest } from "./adapter.ts";
import { parseJson, parseWith } from "./envelope.ts";

/** Far beyond those of AWS, and within a line of a log even when each character is percent-encoded. */
const urlLengthMax = 2048;

const confirmationSchema = z.object({ enableUrl: z.string().max(urlLengthMax) });

/** The answer to the confirmation of a destination; undefined: this is none. */
export function answerConfirmation(
  request: HandshakeRequest,
  confirmationHosts: readonly string[],
): Handshake | undefined {
  const type = request.headers.get("x-amz-rules-engine-message-type");
  if (request.method !== "POST" || type !== "DestinationConfirmation") return undefined;
  const url = readUrl(request.body);
  if (url === undefined) {
    return {
      status: 400,
      notice: "Cannot confirm a destination: wanted a JSON object whose enableUrl is an https URL",
    };
  }
  if (confirmationHosts.some((host) => host.toLowerCase() === url.host))
    return { status: 200, confirmAt: url };
  return {
    status: 200,
    notice:
      `A sender asks to confirm a destination at host ${url.host}, which is not among confirmationHosts. ` +
      `If it is yours, open ${url.href}`,
  };
}

/** An https URL on its own port without a user; undefined: there is none. */
function readUrl(body: Uint8Array): URL | undefined {
  try {
    const parsed = parseWith(confirmationSchema, parseJson(body, "aws-iot").value);
    const url = "data" in parsed ? URL.parse(parsed.data.enableUrl) : null;
    const isPlain =
      url?.protocol === "https:" && url.port === "" && url.username === "" && url.password === "";
    return isPlain ? (url ?? undefined) : undefined;
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}
