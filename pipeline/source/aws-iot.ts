/**
 * What the rules of AWS IoT Core post: the output of a rule's SQL, which has no envelope but the one that the SQL
 * makes. Without configured fields it is that of
 * `SELECT topic() AS topic, clientid() AS clientId, traceid() AS messageId, timestamp() AS publishedAt,
 * encode(*, 'base64') AS payloadBase64, get_mqtt_property('content_type') AS contentType,
 * get_user_properties() AS userProperties FROM '#'`. A rule that batches posts arrays.
 *
 * Source: AWS IoT Developer Guide, "HTTP", "Batching HTTP action messages".
 */
import type { CreateAdapter, WebhookRequest } from "./adapter.ts";
import { answerConfirmation } from "./aws-iot-confirmation.ts";
import { brokenBody, type JsonBody, mediaTypeOf, parseJson, wrongContentType } from "./envelope.ts";
import { createJsonFieldsReader } from "./json-fields.ts";

/** Rules wait for about 3 s. */
const patienceMs = 2500;

/** Reads what rules post, and confirms destinations. */
export const createAwsIotAdapter: CreateAdapter = ({ fields, payloadEncoding, confirmationHosts = [] }) => {
  const read = createJsonFieldsReader({
    adapter: "aws-iot",
    fields,
    payloadEncoding,
    batchHasHeadersOfOne: true,
  });
  return {
    patienceMs,
    handshake: { methods: [], answer: (request) => answerConfirmation(request, confirmationHosts) },
    read: (request) => read(parseOutput(request), request),
  };
};

/** Output that is no JSON comes as octets; a header of the rule may call JSON so too. */
function parseOutput(request: WebhookRequest): JsonBody {
  const type = mediaTypeOf(request);
  if (type === "" || type === "application/json") return parseJson(request.body, "aws-iot");
  if (type !== "application/octet-stream") {
    throw wrongContentType(request, "aws-iot", "application/json, application/octet-stream or none");
  }
  try {
    return parseJson(request.body, "aws-iot");
  } catch {
    throw brokenBody("aws-iot", "met a payload as it is, which the adapter raw reads, wanted JSON");
  }
}
