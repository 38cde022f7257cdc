import { expect, it } from "vitest";
import { describeBytes } from "../../cli/describe-bytes.ts";

it.each([
  [0, "0 bytes"],
  [1000, "1000 bytes"],
  [1024, "1 KiB"],
  [4 * 1024 ** 2, "4 MiB"],
  [1536 * 1024 ** 2, "1536 MiB"],
  [1024 ** 3, "1 GiB"],
  [4_000_000, "4000000 bytes (3.8 MiB)"],
  [1025, "1025 bytes (1.0 KiB)"],
])("describeBytes() writes %i as a person would", (bytes, text) => {
  expect(describeBytes(bytes)).toBe(text);
});
