import { systemClock } from "../clock.ts";

/** The three forms of a date in HTTP. Source: RFC 9110, 5.6.7. */
const dateForms = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * How long a server wants to be left alone, in ms: from seconds, or from a date by that server's own clock, which
 * may differ from ours. A date that has passed is 0; undefined when it said nothing that can be understood.
 *
 * Source: RFC 9110, 10.2.3.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const untilMs = parseHttpDate(value);
  if (untilMs === undefined) return undefined;
  const nowMs = parseHttpDate(headers.get("date") ?? "") ?? systemClock.nowUs() / 1000;
  return Math.max(0, untilMs - nowMs);
}

function parseHttpDate(text: string): number | undefined {
  if (!dateForms.some((form) => form.test(text))) return undefined;
  // The third form names no zone and means the same one.
  const ms = Date.parse(text.endsWith(" GMT") ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
