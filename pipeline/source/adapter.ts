import type { EnvelopeField } from "../config/config.ts";
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
  | {
      kind: "message";
      message: ReadMessage;
      /** The payload has marks that the sender puts in place of bytes that are no text. */
      mayBeDamaged?: boolean | undefined;
      /** When it expires, from senders that name an instant instead of an interval. */
      expiresAtUs?: number | undefined;
    }
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

/** What a sender asks before it sends messages, by OPTIONS, GET or POST. */
export interface HandshakeRequest extends WebhookRequest {
  method: string;
}

/** The answer to a handshake. */
export interface Handshake {
  status: 200 | 204 | 400 | 403;
  headers?: Record<string, string>;
  /** As JSON. */
  body?: unknown;
  /** To be fetched, by GET, to confirm. The adapter has checked its host against those that the configuration names. */
  confirmAt?: URL;
  /** What an operator should know of it, such as an address to confirm at by hand. Never a secret but that. */
  notice?: string;
}

export interface AdapterOptions {
  payloadEncoding?: "plain" | "base64" | undefined;
  fields?: Readonly<Partial<Record<EnvelopeField, string>>> | undefined;
  allowedOrigins?: readonly string[] | undefined;
  confirmationHosts?: readonly string[] | undefined;
}

/**
 * How one kind of sender speaks: its envelope, and the answers that it understands.
 *
 * Errors: `read` throws EnvelopeError when the body as a whole is not this envelope, ContentTypeError when its
 * content type is not one that the sender uses.
 */
export interface Adapter {
  read(request: WebhookRequest): Envelope;
  /** The answer to a request that is a handshake; undefined: it is none. Methods: those that such a request has. */
  handshake?: {
    methods: readonly ("OPTIONS" | "GET")[];
    answer(request: HandshakeRequest): Handshake | undefined;
  };
  /** The answer to a stored request. Default: 200 with the counts. */
  stored?(counts: Stored): { status: 200; body: unknown };
  /** `keep`: a body that is no envelope becomes a dead letter and is acknowledged. Default: refuse with 400. */
  brokenEnvelope?: "refuse" | "keep";
  /** Statuses that the sender repeats. Default 503. */
  retryStatus?: 503 | 429;
  /** How long the sender may be kept waiting: a little less than it waits by default. Undefined: for long. */
  patienceMs?: number;
}

export type CreateAdapter = (options: AdapterOptions) => Adapter;
