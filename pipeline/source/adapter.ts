import type { MqttMessage } from "../message.ts";

/** What an adapter gets to see of a request. */
export interface WebhookRequest {
  headers: Headers;
  query: URLSearchParams;
  body: Uint8Array;
}

/** A message before its source's name is put to it. */
export type ReadMessage = Omit<MqttMessage, "source">;

export type Element =
  /** `mayBeDamaged`: the payload has marks that the sender puts in place of bytes that are no text. */
  | { kind: "message"; message: ReadMessage; mayBeDamaged?: boolean | undefined }
  /** One element of an array that breaks the envelope: kept as a dead letter, its neighbours are stored. */
  | { kind: "broken"; path: string; reason: string; body: Uint8Array }
  /** A sender's lifecycle event. */
  | { kind: "ignored" };

export interface Envelope {
  elements: readonly Element[];
  /** The body was an array: an element that breaks a rule does not fail the request. */
  isArray: boolean;
}

/** What became of a request, in the terms that adapters map to an answer. */
export interface Stored {
  accepted: number;
  duplicates: number;
  expired: number;
  filtered: number;
  deadLettered: number;
}

export interface AdapterOptions {
  payloadEncoding?: "plain" | "base64" | undefined;
}

/**
 * How one kind of sender speaks: its envelope, and the answers that it understands.
 *
 * Errors: `read` throws EnvelopeError when the body as a whole is not this envelope, ContentTypeError when its
 * content type is not one that the sender uses.
 */
export interface Adapter {
  read(request: WebhookRequest): Envelope;
  /** The answer to a stored request. Default: 200 with the counts. */
  stored?(counts: Stored): { status: 200; body: unknown };
  /** `keep`: a body that is no envelope becomes a dead letter and is acknowledged. Default: refuse with 400. */
  brokenEnvelope?: "refuse" | "keep";
  /** Statuses that the sender repeats. Default 503. */
  retryStatus?: 503 | 429;
}

export type CreateAdapter = (options: AdapterOptions) => Adapter;
