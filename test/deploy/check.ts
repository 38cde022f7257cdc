/** `npm run check:deploy`: what the makers of the tools say of deploy/. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { toError } from "../../pipeline/errors.ts";
import { installedTool } from "../support/tools.ts";
import { promtool, pythonTools } from "./tools.ts";

/** The oldest that docs/hosts/kubernetes.md names, and the newest. */
const kubernetesVersions = ["1.29", "1.37"];
const rules = "deploy/compose/prometheus/alerts.yaml";
const unit = "deploy/systemd/mqtt-otlp-gateway.service";
/** systemd's own measure of what a service may do: 0 is nothing, 100 everything. */
const exposureMax = 20;

const { bin, checkRules } = bringTools();
const commands = [
  [join(bin, "hadolint"), "deploy/Dockerfile"],
  ...kubernetesVersions.map((version) => [
    join(bin, "kubernetes-validate"),
    ...["--strict", "--quiet", "--kubernetes-version", version],
    ...globSync("deploy/kubernetes/*.yaml"),
  ]),
  [join(bin, "python"), "test/deploy/check-compose.py", "deploy/compose/compose.yaml"],
  [checkRules, "check", "rules", rules],
  [checkRules, "test", "rules", "test/deploy/alerts.promtool.yaml"],
];
if (installedTool("systemd-analyze") === undefined) {
  console.log("systemd's unit is not checked: systemd-analyze is not installed");
} else {
  commands.push(
    ["systemd-analyze", "verify", "--recursive-errors=no", unit],
    ["systemd-analyze", "security", "--no-pager", "--offline=yes", `--threshold=${exposureMax}`, unit],
  );
}

let failed = 0;
for (const [program = "", ...parameters] of commands) {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, { encoding: "utf8" });
  const what = [program.split("/").at(-1), ...parameters].join(" ");
  console.log(`${status === 0 ? "ok" : "FAILED"} ${what}`);
  if (status === 0) continue;
  failed += 1;
  console.log(error?.message ?? stdout + stderr);
}
process.exitCode = failed === 0 ? 0 : 1;

function bringTools() {
  try {
    return { bin: pythonTools(), checkRules: promtool() };
  } catch (error) {
    console.error(
      `Cannot bring the tools that check deploy/: ${toError(error).message}; wanted Python 3.11 to 3.14 with venv, promtool or Debian's apt-get and dpkg-deb, and a network`,
    );
    process.exit(1);
  }
}
