import { expect, it } from "vitest";
import { SyncTime } from "../../pipeline/store/sqlite/sync-time.ts";

function timeAfter(...commitsMs: number[]): number {
  const time = new SyncTime();
  for (const ms of commitsMs) time.add(ms);
  return time.ms;
}

const times = (count: number, ...commitsMs: number[]) =>
  Array.from({ length: count }, () => commitsMs).flat();

it("begins with nothing, so that nothing is waited for", () => {
  expect(timeAfter()).toBe(0);
});

it("comes to what each commit takes", () => {
  expect(timeAfter(...times(300, 5))).toBeCloseTo(5, 1);
});

it("stays with the quicker ones where every other commit waits for a processor", () => {
  expect(timeAfter(...times(300, 0.5, 4))).toBeLessThan(2);
});

it("stays with the quicker ones where one in ten writes a checkpoint too", () => {
  expect(timeAfter(...times(100, 30, ...times(9, 0.5)))).toBeLessThan(2);
});

it("stays with the others on a slow disk that takes some of them quickly", () => {
  expect(timeAfter(...times(100, 0.2, ...times(9, 5)))).toBeGreaterThan(2);
  expect(timeAfter(...times(300, 0.2, 20))).toBeGreaterThan(2);
});

it("follows a disk that becomes slower within some hundred commits, and one that becomes quicker within ten", () => {
  expect(timeAfter(...times(300, 0.5), ...times(150, 8))).toBeGreaterThan(6);
  expect(timeAfter(...times(300, 8), ...times(10, 0.5))).toBeLessThan(1);
});
