/** The last millisecond of the last whole year whose microseconds a number holds exactly, 2254. */
export const instantMsMax = Date.UTC(2255, 0) - 1;

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * An RFC 3339 instant with at most nine digits of a second, in microseconds since the Unix epoch (what is finer is
 * cut off); undefined when the text is none, or lies outside 1970 to 2254. Source: RFC 3339, 5.6 and 5.7.
 */
export function parseInstantUs(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  const valid =
    year >= 1970 &&
    year <= 2254 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    (day <= 28 || day <= daysIn(year, month)) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 60 &&
    offsetHour <= 23 &&
    offsetMinute <= 59;
  if (!valid) return undefined;
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000 * (match[8] === "-" ? -1 : 1);
  const wholeMs = Date.UTC(year, month - 1, day, hour, minute, second) - offsetMs;
  return wholeMs < 0 ? undefined : wholeMs * 1000 + Number((match[7] ?? "").padEnd(6, "0").slice(0, 6));
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
