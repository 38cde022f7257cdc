/** Texts that senders put into headers. */

/** A byte order mark is text like any other. Source: MQTT 5.0, 1.5.4. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A header's text; undefined without one, and for what template engines make of a field that a message has not. */
export function headerText(headers: Headers, name: string): string | undefined {
  const value = headers.get(name);
  return value === null || value === "" || value === "undefined" ? undefined : fromLatin1(value);
}

/** Header values come as one character a byte; brokers send UTF-8 in them. */
export function fromLatin1(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return utf8.decode(Uint8Array.from(value, (char) => char.charCodeAt(0)));
  } catch {
    return value;
  }
}

/** Text without its percent-encoding; undefined when it cannot be decoded. Source: RFC 3986, 2.1. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
