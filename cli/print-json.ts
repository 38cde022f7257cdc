/** Width of a terminal line, or a little more. */
const columnsMax = 100;

/** JSON as lines: what fits on one stands on one. */
export function printJson(value: unknown, indent = ""): string[] {
  const line = JSON.stringify(value);
  const isLeaf = typeof value !== "object" || value === null;
  if (isLeaf || indent.length + line.length <= columnsMax) return [indent + line];
  const isArray = Array.isArray(value);
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [
    isArray ? "" : `${JSON.stringify(name)}: `,
    member,
  ]);
  const inner = `${indent}  `;
  return [
    `${indent}${isArray ? "[" : "{"}`,
    ...members.flatMap(([name, member], index) => {
      const [first = "", ...rest] = printJson(member, inner);
      const lines = [`${inner}${name}${first.slice(inner.length)}`, ...rest];
      if (index < members.length - 1) lines.push(`${lines.pop() ?? ""},`);
      return lines;
    }),
    `${indent}${isArray ? "]" : "}"}`,
  ];
}
