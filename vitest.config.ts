import { defineConfig } from "vitest/config";

const minute = 60_000;

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
