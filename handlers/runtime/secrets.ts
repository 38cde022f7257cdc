import { readFileSync, statSync } from "node:fs";
import type { Clock } from "../../pipeline/clock.ts";
import type { SecretReference } from "../../pipeline/config/config.ts";
import { errorCode, toError } from "../../pipeline/errors.ts";
import type { Secret } from "../../pipeline/secret.ts";

/** A changed file is noticed at the first use after this. */
const checkIntervalMs = 5000;

export interface SecretsOptions {
  clock: Clock;
  /** Default: that of the process. */
  environment?: Record<string, string | undefined>;
}

/** Opens the secrets that a configuration refers to. A secret is read when it is used: there is no timer to stop. */
export function createSecrets({ clock, environment = process.env }: SecretsOptions): {
  open(reference: SecretReference): Secret;
  /** Why a secret cannot be used at this moment, behind "Secret …"; undefined when it can. */
  faultOf(reference: SecretReference): string | undefined;
} {
  const files = new Map<string, Secret>();
  return {
    open(reference) {
      if ("env" in reference) {
        const values = valuesIn(environment[reference.env] ?? "");
        return { current: () => values };
      }
      const secret = files.get(reference.file) ?? fileSecret(reference.file, clock);
      files.set(reference.file, secret);
      return secret;
    },
    faultOf(reference) {
      try {
        const text = "env" in reference ? environment[reference.env] : readFileSync(reference.file, "utf8");
        return text === undefined ? "is not set" : faultIn(text);
      } catch (error) {
        const code = errorCode(error) ?? toError(error).name;
        return code === "ENOENT" ? "cannot be found" : `cannot be read (${code})`;
      }
    },
  };
}

/** An unreadable or empty file leaves the last good content in place: rotation may catch it half written. */
function fileSecret(path: string, clock: Clock): Secret {
  let values: readonly string[] | undefined;
  let version: string | undefined;
  let checkAtMs = Number.NEGATIVE_INFINITY;

  function refresh(): void {
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
      const seen = [ino, size, mtimeNs, ctimeNs].join();
      if (seen === version) return;
      const read = valuesIn(readFileSync(path, "utf8"));
      if (read === undefined) return;
      [values, version] = [read, seen];
    } catch {
      // Nothing to read: what was read before stays valid, and the next check tries again.
    }
  }

  return {
    current() {
      const nowMs = clock.monotonicMs();
      if (nowMs >= checkAtMs) {
        checkAtMs = nowMs + checkIntervalMs;
        refresh();
      }
      return values;
    },
  };
}

/** One secret a line; undefined when the text cannot be used. */
function valuesIn(text: string): readonly string[] | undefined {
  if (faultIn(text) !== undefined) return undefined;
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

/** A certificate or key that is named by mistake is no secret: its first line would let everybody in. */
function faultIn(text: string): string | undefined {
  if (text.trim() === "") return "is empty";
  return /^\s*-----BEGIN /m.test(text) ? "is a certificate or key" : undefined;
}
