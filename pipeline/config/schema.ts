import * as z from "zod";
import { isTopicFilter } from "../source/topic.ts";
import { later, wanted } from "./messages.ts";

/** A map of fields in which any other field is an error. `notHere`: fields that get a message of their own. */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  notHere: readonly string[] = [],
  explain?: (name: string) => string,
) {
  return z.strictObject(shape).register(later, { names: notHere, ...(explain && { explain }) });
}

/** One of `values`. `notYet`: values that get a message of their own. */
export function choice<const Values extends readonly string[]>(
  values: Values,
  notYet: readonly string[] = [],
) {
  return z.enum(values).register(later, { names: notYet });
}

export const mebibyte = 1024 * 1024;

/** In seconds. */
export const day = 86_400;

export const text = z.string().min(1);

/** The beginning of a file in PEM, and that of a JSON Web Token. */
const fileContent = /-----BEGIN |^eyJ[\w-]+\.[\w-]/;

/** Whether a text that should be a path is what stands in such a file, and may be a secret. */
export function isFileContent(path: string): boolean {
  return fileContent.test(path);
}

export const fileContentMet = "Wanted the path of a file, met its content (not shown)";

export const filePath = text.refine((path) => !isFileContent(path), { error: fileContentMet });

/** A name in URLs, metrics and file names alike. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: wanted("1 to 63 letters, digits, '.', '_' or '-', the first a letter or digit"),
  })
  // Names are keys of objects in /status and in the ledger.
  .refine((text) => !(text in {}), { error: wanted("a name that is no word of the gateway's own") });

/** The name of a Secret or ConfigMap, which is also that of a folder. Source: Kubernetes, "Object Names and IDs". */
export const objectName = z
  .string()
  .max(253, { error: wanted("at most 253 characters") })
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, {
    error: wanted("the name of a Kubernetes object, of lower-case letters, digits, '-' and '.'"),
  });

export const secretReference = z.union([z.strictObject({ file: text }), z.strictObject({ env: text })], {
  error: wanted("{ file: PATH } or { env: NAME }"),
});

/** Source: gRPC over HTTP/2, "ASCII-Value". */
export const headerText = /^[\x20-\x7e]*$/;

const headerWanted = wanted("a text of visible ASCII characters and spaces, { file: PATH } or { env: NAME }");

export const headerValue = z.union(
  [
    z.string().regex(headerText, { error: headerWanted }),
    z.strictObject({ file: text }),
    z.strictObject({ env: text }),
  ],
  { error: headerWanted },
);

export const topicFilter = z
  .string()
  .refine(isTopicFilter, { error: wanted("a Topic Filter such as plant/+/state or plant/#") });

/** A DNS name, in lower case. Source: RFC 1123, 2.1; a name whose last label is a number is an address. */
export const hostName = z
  .string()
  .regex(
    /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    {
      error: wanted("the name of a host, without scheme and port"),
    },
  )
  .toLowerCase();

/** Headers that the transport writes itself. Source: gRPC over HTTP/2, "Requests"; RFC 9113, 8.2.2. */
const reservedHeaders =
  /^(content-(type|length|encoding)|te|host|user-agent|connection|transfer-encoding|upgrade|keep-alive|grpc-.*)$/;

/** Source: RFC 9110, 5.6.2. */
export const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Source: RFC 9110, 5.1 (a field name is a token). */
export const headerName = z
  .string()
  .regex(token, "Wanted a header name of letters, digits and !#$%&'*+.^_`|~-")
  .refine(
    (header) => !reservedHeaders.test(header.toLowerCase()),
    "Wanted a header that the transport does not set itself",
  )
  .refine((header) => !header.toLowerCase().endsWith("-bin"), "Binary headers (-bin) are not supported yet");

/** Fields that Kubernetes and Azure Resource Manager add to a document; their content does not matter. */
export const ignoredFields = Object.fromEntries(
  ["status", "extendedLocation", "id", "type", "systemData", "tags", "location", "etag"].map((field) => [
    field,
    z.unknown().optional().meta({ description: "Ignored" }),
  ]),
);

export const ignoredProperties = {
  provisioningState: z.unknown().optional().meta({ description: "Ignored" }),
  healthState: z.unknown().optional().meta({ description: "Ignored" }),
  status: z.unknown().optional().meta({ description: "Ignored" }),
};
