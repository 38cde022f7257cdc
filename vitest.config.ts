import { defineConfig } from "vitest/config";

const minute = 60_000;
/**
 * Each writer thread strips the types of its files by WebAssembly. Where a process has started and ended many of them,
 * V8 crashes when one calls back so often that it compiles that call: it frees code of a module that is gone. A
 * gateway starts each of its threads once.
 */
const execArgv = ["--wasm-wrapper-tiering-budget=2000000000"];

/** One project for each thing a command of package.json runs. */
function project(
  name: string,
  include: string,
  options: { testTimeout: number; exclude?: string[]; serial?: boolean },
) {
  const { testTimeout, exclude = [], serial = false } = options;
  return {
    test: {
      name,
      include: [include],
      exclude,
      pool: "forks" as const,
      execArgv,
      testTimeout,
      hookTimeout: 3 * minute,
      fileParallelism: !serial,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", "test/**/*.test.ts", {
        testTimeout: minute / 2,
        exclude: ["test/{integration,package,soak}/**"],
      }),
      project("package", "test/package/**/*.test.ts", { testTimeout: 2 * minute }),
      project("integration", "test/integration/**/*.test.ts", { testTimeout: 3 * minute, serial: true }),
      project("soak", "test/soak/**/*.test.ts", { testTimeout: 30 * minute, serial: true }),
    ],
  },
});
