import { setPriority } from "node:os";
import { expect, it, vi } from "vitest";
import { yieldToIngest } from "../../handlers/runtime/niceness.ts";

vi.mock("node:os", { spy: true });

it("yieldToIngest() goes on with the priority as it is where the system lets nobody change it", () => {
  vi.mocked(setPriority).mockImplementation(() => {
    throw new Error("uv_os_setpriority returned EPERM (operation not permitted)");
  });
  expect(() => yieldToIngest()).not.toThrow();
  if (process.platform === "linux") expect(setPriority).toHaveBeenCalledOnce();
});
