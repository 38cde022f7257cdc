/** How often a property is tried; `FAST_CHECK_RUNS` raises it. */
export const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 2000);
