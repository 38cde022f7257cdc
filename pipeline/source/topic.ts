/** Topic Names and Topic Filters. Source: MQTT 5.0, 4.7. */

const topicBytesMax = 65_535;
const encoder = new TextEncoder();

/** Whether a message can be published to this: 1 to 65,535 bytes of UTF-8 without wildcards and NUL. */
export function isTopicName(text: string): boolean {
  return isTopicText(text) && !/[+#]/.test(text);
}

/** Whether this can be subscribed to: as a Topic Name, with `+` for one level and `#` for all that follow. */
export function isTopicFilter(text: string): boolean {
  if (!isTopicText(text)) return false;
  const levels = text.split("/");
  return levels.every(
    (level, index) => !/[+#]/.test(level) || level === "+" || (level === "#" && index === levels.length - 1),
  );
}

function isTopicText(text: string): boolean {
  if (text === "" || text.includes("\0") || !text.isWellFormed()) return false;
  // A UTF-16 unit takes at most three bytes, which spares nearly every topic the encoding.
  return text.length * 3 <= topicBytesMax || encoder.encode(text).length <= topicBytesMax;
}

/**
 * Whether a valid Topic Filter matches a valid Topic Name.
 *
 * `a/#` matches `a` itself too. A wildcard at the beginning does not match topics that begin with `$`, which are
 * the broker's own. Source: MQTT 5.0, 4.7.1.2 and 4.7.2.
 */
export function matchesTopicFilter(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  // The topic is its sender's and may have thousands of levels: no more of them is looked at than the filter has.
  let at = 0;
  let start = 0;
  while (at <= filter.length) {
    // What is left of the topic may be nothing: the level before was its last one then.
    if (filter[at] === "#") return true;
    if (start > topic.length) return false;
    const length = levelLength(filter, at);
    const topicLength = levelLength(topic, start);
    const isSame = length === topicLength && isSameText(filter, at, topic, start, length);
    if (filter[at] !== "+" && !isSame) return false;
    at += length + 1;
    start += topicLength + 1;
  }
  return start > topic.length;
}

function levelLength(text: string, start: number): number {
  const slash = text.indexOf("/", start);
  return (slash < 0 ? text.length : slash) - start;
}

/** Every message is compared: no text is made for a level. */
function isSameText(a: string, aStart: number, b: string, bStart: number, length: number): boolean {
  for (let at = 0; at < length; at++) {
    if (a.charCodeAt(aStart + at) !== b.charCodeAt(bStart + at)) return false;
  }
  return true;
}

/** Whether some topic, be it the empty one, matches both of two valid Topic Filters. */
export function topicFiltersOverlap(a: string, b: string): boolean {
  if (areApart(a, b) || areApart(b, a)) return false;
  // Of thousands each meets all others, and most differ early on.
  let aStart = 0;
  let bStart = 0;
  for (;;) {
    const aLevel = levelAt(a, aStart);
    const bLevel = levelAt(b, bStart);
    // It takes whatever the other one asks for from here on, and also nothing.
    if (aLevel === "#" || bLevel === "#") return true;
    if (aLevel === undefined || bLevel === undefined) return aLevel === bLevel;
    if (aLevel !== bLevel && aLevel !== "+" && bLevel !== "+") return false;
    aStart += aLevel.length + 1;
    bStart += bLevel.length + 1;
  }
}

/** The level that starts there; undefined: the one before was the last. */
function levelAt(filter: string, start: number): string | undefined {
  if (start > filter.length) return undefined;
  const end = filter.indexOf("/", start);
  return filter.slice(start, end < 0 ? undefined : end);
}

/** Whether a valid Topic Filter matches every topic that another one does. */
export function coversTopicFilter(wide: string, narrow: string): boolean {
  if (areApart(wide, narrow)) return false;
  const wideLevels = wide.split("/");
  const narrowLevels = narrow.split("/");
  for (let index = 0; index < Math.max(wideLevels.length, narrowLevels.length); index++) {
    const [level, other] = [wideLevels[index], narrowLevels[index]];
    if (level === "#") return true;
    if (level === undefined || other === undefined || other === "#") return false;
    if (level !== "+" && level !== other) return false;
  }
  return true;
}

/** Whether one begins with a wildcard, which does not stand for the broker's own topics, and the other is one of these. */
function areApart(wild: string, own: string): boolean {
  return /^[+#]/.test(wild) && own.startsWith("$");
}
