/** Any JSON, for senders that no other adapter knows: JSON Pointers say where the fields of a message stand. */
import type { CreateAdapter } from "./adapter.ts";
import { isJsonType, mediaTypeOf, parseJson, wrongContentType } from "./envelope.ts";
import { createJsonFieldsReader } from "./json-fields.ts";

/** Reads one object, or an array of them, of whatever shape. */
export const createJsonAdapter: CreateAdapter = ({ fields, payloadEncoding }) => {
  const read = createJsonFieldsReader({ adapter: "json", fields, payloadEncoding });
  return {
    read(request) {
      const type = mediaTypeOf(request);
      if (type !== "" && !isJsonType(type)) throw wrongContentType(request, "json", "JSON or none");
      return read(parseJson(request.body, "json"), request);
    },
  };
};
