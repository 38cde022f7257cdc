import type { UserProperty } from "./message.ts";

/**
 * The entries of a message's `baggage` User Properties that have one of these keys; the last one of a key counts.
 * What is no entry is passed over, and so are the entries' properties.
 *
 * Source: W3C Baggage, "Definition" and "Value".
 */
export function readBaggage(
  userProperties: readonly UserProperty[],
  keys: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, text] of userProperties) {
    if (name !== "baggage") continue;
    for (const member of text.split(",")) {
      const [entry = ""] = member.split(";", 1);
      const equals = entry.indexOf("=");
      const key = entry.slice(0, Math.max(0, equals)).trim();
      if (keys.has(key)) found.set(key, decodePercent(entry.slice(equals + 1).trim()));
    }
  }
  return found;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Octets that are no UTF-8 become U+FFFD; a percent sign without two digits stays. */
function decodePercent(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (octets) =>
    utf8.decode(Uint8Array.from(octets.split("%").slice(1), (digits) => Number.parseInt(digits, 16))),
  );
}
