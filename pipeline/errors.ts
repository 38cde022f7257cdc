/**
 * Errors that a caller handles differently from all others. Everything else that can be expected is a value.
 */

/** A request body as a whole is not the envelope that its source speaks (400). */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
  /** Where in the body, one entry a fault. `path` is dotted, with `[n]` for array elements; "" is the body. */
  readonly issues: readonly { path: string; message: string }[];

  constructor(
    message: string,
    options: { issues?: readonly { path: string; message: string }[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.issues = options.issues ?? [];
  }
}

/** A request body has a content type that its source does not speak (415). */
export class ContentTypeError extends Error {
  override readonly name = "ContentTypeError";
}

/** One fault of a configuration. */
export interface ConfigIssue {
  /** File as the operator named it; undefined for the environment. */
  file?: string | undefined;
  line?: number | undefined;
  /** Path in the document, such as `spec.sources[0].adapter`, or the name of an environment variable. */
  path: string;
  message: string;
}

/** The configuration cannot be used; holds every fault of it at once (exit 2). */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(formatIssue).join("\n"));
    this.issues = issues;
  }
}

function formatIssue({ file, line, path, message }: ConfigIssue): string {
  const place = file === undefined ? "" : line === undefined ? `${file}: ` : `${file}:${line}: `;
  return `${place}${path === "" ? "" : `${path}: `}${message}`;
}

/** The store's quota or its disk is full; nothing of the append was stored (503). The message is fit for a sender. */
export class StoreFullError extends Error {
  override readonly name: string = "StoreFullError";
}

/** What a full store cannot do, as its messages have it. */
export const storing = "store the messages";
export const replaying = "replay the dead letter";

/** It is the disk. */
export class DiskFullError extends StoreFullError {
  override readonly name = "DiskFullError";
}

/** The messages are stored, but a lane that owes one has not settled it in time (503); a repeat joins them. */
export class NotSettledError extends Error {
  override readonly name = "NotSettledError";
}

/** The store was written by a newer version, and was left as it is (exit 2). */
export class StoreVersionError extends Error {
  override readonly name = "StoreVersionError";
}

/** Another process holds the store (exit 1). */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
}

/** Any caught value as an Error. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}

/** `ENOENT` and its like; undefined for what has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
