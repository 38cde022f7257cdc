import type { Secret } from "../secret.ts";

/** Names and values of headers; a secret is read whenever it is sent. */
export type ConfiguredHeaders = Readonly<Record<string, Secret | string>>;

/** A header cannot be sent; the message names it and says why, without its value. */
export class HeaderError extends Error {
  override readonly name = "HeaderError";
}

/**
 * Header values as they are now.
 *
 * Errors: HeaderError when a secret could not be read yet, or when a value is not fit for a header.
 * Source: gRPC over HTTP/2, "ASCII-Value".
 */
export function readHeaders(headers: ConfiguredHeaders): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = typeof value === "string" ? value : value.current()?.[0];
    if (text === undefined) {
      throw new HeaderError(`The secret of header ${name} cannot be read: check its file or variable`);
    }
    if (!/^[\x20-\x7e]*$/.test(text)) {
      throw new HeaderError(
        `The value of header ${name} cannot be sent: only visible ASCII characters and spaces can be`,
      );
    }
    values[name] = text;
  }
  return values;
}

/** The text without any of the headers' secrets, should a receiver have repeated one. */
export function redact(text: string, headers: ConfiguredHeaders): string {
  let redacted = text;
  for (const value of Object.values(headers)) {
    if (typeof value === "string") continue;
    for (const secret of value.current() ?? []) {
      // "Bearer abc": a receiver may repeat the credential without its scheme.
      for (const part of [secret, secret.slice(secret.indexOf(" ") + 1)]) {
        if (part !== "") redacted = redacted.replaceAll(part, "[redacted]");
      }
    }
  }
  return redacted;
}
