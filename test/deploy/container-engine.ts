/**
 * What builds and runs images: Docker where its engine runs, which fetches what the image is built upon; else Podman
 * from Debian's packages, as root, upon a stand-in: Debian with the Node that the tests run with.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { aptInstall, asRoot } from "../support/apt.ts";
import { cachedToolPath, installedTool } from "../support/tools.ts";

const npm = "npm@11.21.2";
const authorities = "/etc/ssl/certs/ca-certificates.crt";
const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
/** A build prints all that its steps print. */
const outputBytesMax = 64 * 1024 * 1024;

export interface ContainerEngine {
  /** Of a checkout. */
  build(folder: string, options: { dockerfile: string; tag: string }): void;
  /** Returns what the container printed; of a detached one, its id. */
  run(parameters: readonly string[]): string;
  /** Any other of its commands. Returns what it printed. */
  command(...parameters: string[]): string;
  /** What the program in a container wrote to standard error. */
  log(container: string): string;
  /** Remove what was made, but for Docker's images. */
  close(): void;
}

/** `baseImages` are those that stages begin with. Errors: when none can be had. */
export function openContainerEngine(baseImages: readonly string[]): ContainerEngine {
  return spawnSync("docker", ["info"]).status === 0 ? openDocker() : openPodman(baseImages);
}

function openDocker(): ContainerEngine {
  const command = (...parameters: string[]) => execute(["docker", ...parameters]);
  return {
    command,
    log: (container) => errorsOf(["docker", "logs", container]),
    build: (folder, { dockerfile, tag }) => {
      command("build", "--file", dockerfile, "--tag", tag, folder);
    },
    run: (parameters) => command("run", "--network=host", ...parameters),
    close: () => undefined,
  };
}

function openPodman(baseImages: readonly string[]): ContainerEngine {
  for (const name of ["podman", "runc"]) if (installedTool(name) === undefined) aptInstall(name);
  const base = buildBase();
  const folder = mkdtempSync(join(tmpdir(), "gateway-podman-"));
  // Without systemd, and with fewer rights than it expects of root.
  const options = ["--runtime=runc", "--cgroup-manager=cgroupfs"];
  const podman = [...sudo, "podman", `--root=${folder}/storage`, `--runroot=${folder}/run`, ...options];
  const command = (...parameters: string[]) => execute([...podman, ...parameters]);
  for (const name of baseImages) command("import", base, `docker.io/library/${name}`);
  return {
    command,
    log: (container) => errorsOf([...podman, "logs", container]),
    build(context, { dockerfile, tag }) {
      const trust = [`--volume=${authorities}:${authorities}:ro`, `--env=NODE_EXTRA_CA_CERTS=${authorities}`];
      const isolation = ["--isolation=chroot", "--network=host"];
      const parameters = ["--pull=never", "--format=docker", ...isolation, ...trust];
      command("build", ...parameters, "--file", dockerfile, "--tag", tag, context);
    },
    run(parameters) {
      const limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
      return command("run", "--pull=never", "--no-healthcheck", "--network=host", ...limits, ...parameters);
    },
    close() {
      // With their containers.
      command("rmi", "--all", "--force");
      asRoot(["rm", "-rf", folder]);
    },
  };
}

/** The path of a root file system as an archive. Takes a minute or two unless it is cached. */
function buildBase(): string {
  const path = `${cachedToolPath("image-base", process.version, process.arch, npm)}.tar`;
  if (existsSync(path)) return path;
  if (installedTool("debootstrap") === undefined) aptInstall("debootstrap");
  console.log("Making Debian with Node, one to two minutes");
  mkdirSync(dirname(path), { recursive: true });
  const folder = mkdtempSync(`${path}-`);
  const root = join(folder, "root");
  try {
    asRoot(["debootstrap", "--variant=minbase", "stable", root]);
    asRoot(["install", "--mode=755", process.execPath, join(root, "usr/local/bin/node")]);
    const target = ["--global", "--prefix", join(root, "usr/local")];
    asRoot(["env", `PATH=${process.env.PATH}`, "npm", "install", ...target, npm]);
    asRoot(["rm", "-rf", join(root, "var/cache/apt/archives"), join(root, "var/lib/apt/lists")]);
    asRoot(["tar", "--create", "--file", join(folder, "base.tar"), "--directory", root, "."]);
    renameSync(join(folder, "base.tar"), path);
  } finally {
    asRoot(["rm", "-rf", folder]);
  }
  return path;
}

function execute([program = "", ...parameters]: readonly string[]): string {
  return execFileSync(program, parameters, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: outputBytesMax,
  }).trim();
}

function errorsOf([program = "", ...parameters]: readonly string[]): string {
  return spawnSync(program, parameters, { encoding: "utf8" }).stderr;
}
