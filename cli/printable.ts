/** One line as a terminal may have it: texts come from devices, and none shall break a line or command a terminal. */
export function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, escaped);
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
