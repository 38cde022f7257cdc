/** Debian's packages. */
import { spawnSync } from "node:child_process";

/**
 * Install a package. Takes a few seconds.
 *
 * Errors: where apt-get fails, is not there, or a password would be wanted.
 */
export function aptInstall(name: string): void {
  console.log(`Installing ${name}`);
  aptGet(["install", "--yes", "--no-install-recommends", name]);
}

/** Have apt-get fetch packages: once more with a new list, because it may be missing, or older than what servers have. */
export function aptGet(parameters: readonly string[], folder = "."): void {
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=60"];
  const command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...options];
  try {
    asRoot([...command, ...parameters], folder);
  } catch {
    asRoot([...command, "update"]);
    asRoot([...command, ...parameters], folder);
  }
}

/** Run a command, without ever asking for a password. */
export function asRoot(command: readonly string[], folder = "."): void {
  const [program = "", ...parameters] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  const { status, stderr, error } = spawnSync(program, parameters, { encoding: "utf8", cwd: folder });
  if (status === 0) return;
  throw new Error(`Cannot run ${command.join(" ")}: ${error?.message ?? stderr.trim()}`);
}
