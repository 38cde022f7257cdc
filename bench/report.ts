/** One line of the table. */
export interface Row {
  name: string;
  figure: string;
  reference: string;
  ratio: string;
  aim: string;
  /** Undefined: nothing is aimed at. */
  isMet: boolean | undefined;
}

/** What a benchmark is given. */
export interface Bench {
  size: "quick" | "full" | "large";
  /** A folder of its own, removed afterwards. */
  folder: string;
  /** Print a line beside the table. */
  note(text: string): void;
}

const columns = ["name", "figure", "reference", "ratio", "aim", "met"];

/** The rows as a Markdown table, padded to be read as it is. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [
    columns,
    columns.map(() => "---"),
    ...rows.map(({ name, figure, reference, ratio, aim, isMet }) => [
      name,
      figure,
      reference,
      ratio,
      aim,
      isMet === undefined ? "" : isMet ? "yes" : "NO",
    ]),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`)
    .join("\n");
}

/** The row of a ratio that should be at least (`min`) or at most (`max`) a limit. */
export function ratioRow(options: {
  name: string;
  figure: string;
  reference: string;
  ratio: number;
  min?: number;
  max?: number;
}): Row {
  const { ratio, min, max, ...texts } = options;
  return {
    ...texts,
    ratio: ratio.toFixed(2),
    aim: min === undefined ? `≤ ${max}` : `≥ ${min}`,
    isMet: ratio >= (min ?? Number.NEGATIVE_INFINITY) && ratio <= (max ?? Number.POSITIVE_INFINITY),
  };
}

/** The row of a part, which explains another row. */
export function shareRow(options: { name: string; figure: string; reference: string; ratio: number }): Row {
  return { ...options, ratio: options.ratio.toFixed(2), aim: "", isMet: undefined };
}
