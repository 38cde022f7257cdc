/** Brings the tools that check deploy/. They are cached outside the repository. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { aptGet, aptInstall } from "../support/apt.ts";
import { cachedToolPath, installedTool } from "../support/tools.ts";

const requirements = fileURLToPath(new URL("./requirements.txt", import.meta.url));
/** A virtual environment belongs to one interpreter. */
const pythonVersion = () => execFileSync("python3", ["--version"], { encoding: "utf8" });

/** Where the programs of the pinned Python packages are. Takes a minute unless they are cached. */
export function pythonTools(): string {
  const folder = cachedToolPath("deploy-tools", readFileSync(requirements, "utf8"), pythonVersion());
  const lastMade = join(folder, "complete");
  if (!existsSync(lastMade)) {
    rmSync(folder, { recursive: true, force: true });
    const create = () => execFileSync("python3", ["-m", "venv", folder], { stdio: "pipe" });
    try {
      create();
    } catch {
      aptInstall("python3-venv");
      create();
    }
    const install = ["install", "--quiet", "--no-deps", "--require-hashes", "--requirement", requirements];
    execFileSync(join(folder, "bin", "pip"), install, { stdio: ["ignore", "inherit", "inherit"] });
    mkdirSync(lastMade);
  }
  return join(folder, "bin");
}

/** Prometheus's own checker: the one that is installed, else that of Debian's package, without installing its server. */
export function promtool(): string {
  const installed = installedTool("promtool");
  if (installed !== undefined) return installed;
  const folder = cachedToolPath("promtool", process.arch);
  const path = join(folder, "promtool");
  if (existsSync(path)) return path;
  mkdirSync(dirname(folder), { recursive: true });
  const download = mkdtempSync(`${folder}-`);
  try {
    aptGet(["download", "prometheus"], download);
    const [archive = ""] = readdirSync(download);
    execFileSync("dpkg-deb", ["--extract", join(download, archive), join(download, "extracted")]);
    renameSync(join(download, "extracted/usr/bin"), folder);
  } finally {
    rmSync(download, { recursive: true, force: true });
  }
  return path;
}
