/** Characters of a receiver's message that are shown. */
const messageCharactersMax = 500;

/** A receiver's text on one line and within bounds. */
export function readable(text: string): string {
  // More of it than this is not looked at, however much of it is white space.
  const line = text
    .slice(0, 8 * messageCharactersMax)
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return line.length <= messageCharactersMax ? line : `${line.slice(0, messageCharactersMax - 1)}…`;
}
