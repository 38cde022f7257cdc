const units = ["GiB", "MiB", "KiB"] as const;

/** `4 GiB`; what is no whole number of them in bytes, with about how much that is: `4000000 bytes (3.8 MiB)`. */
export function describeBytes(bytes: number): string {
  const sizes = units.map((unit, index) => ({ unit, size: 1024 ** (units.length - index) }));
  const whole = sizes.find(({ size }) => bytes >= size && bytes % size === 0);
  if (whole) return `${bytes / whole.size} ${whole.unit}`;
  const about = sizes.find(({ size }) => bytes >= size);
  return `${bytes} bytes${about ? ` (${(bytes / about.size).toFixed(1)} ${about.unit})` : ""}`;
}
