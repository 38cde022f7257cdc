/** JSON that stands in a text of the configuration, or where in it something else stands. */
export function readJsonText(text: string): { value: unknown } | { fault: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const before = text.slice(0, beginningOf(text)).split("\n");
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    return { fault: `Wanted JSON, met something else (${place} of the text)` };
  }
}

/** How much of a text can begin JSON. The engine does not always say so. */
function beginningOf(text: string): number {
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isBeginning(text.slice(0, middle))) low = middle;
    else high = middle - 1;
  }
  return low;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = / at position (\d+)/.exec(message)?.[1];
    return /^(?:Unexpected end|Unterminated string)/.test(message) || Number(position) === text.length;
  }
}
