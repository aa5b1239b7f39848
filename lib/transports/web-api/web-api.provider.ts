import type { MailDeliveryErrorInit, RejectedRecipient } from '../../base/errors.js';
import type { MailBulkEntry } from '../../message/bulk.js';
import type { Mail } from '../../message/mail.js';

/** One HTTP request to the provider's origin. */
export interface WebApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Path and query, beginning with `/`. */
  readonly path: string;
  /** Names in lower case. `content-length` is ours. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface WebApiResponse {
  readonly status: number;
  /** Names in lower case; several values of one name joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 1 MiB of it; may be cut short where the connection was lost after the headers. */
  readonly body: string;
}

/** The provider took responsibility for at least one recipient. */
export interface WebApiAcceptance {
  readonly accepted: readonly string[];
  /** Default: none. */
  readonly rejected?: readonly RejectedRecipient[];
  /** The provider's words. */
  readonly response: string;
  /** The provider's own id for the mail. */
  readonly remoteId?: string;
}

/** What went wrong; the transport makes a MailDeliveryError of it. */
export type WebApiFault = Omit<MailDeliveryErrorInit, 'transport'>;

/** How many mails that share all but the recipient go into one request. */
export interface WebApiBulk {
  /** Most entries of one request. */
  readonly size: number;
  /** Why the provider would not take one entry, if so. */
  check(shared: Mail, entry: MailBulkEntry): WebApiFault | undefined;
  /**
   * A request for as many of the first entries as fit (`taken`, at least one), or why it cannot be made
   * for those; each was checked. A fault in place of both concerns all entries.
   */
  request(
    shared: Mail,
    entries: readonly MailBulkEntry[],
  ): { readonly request: WebApiRequest | WebApiFault; readonly taken: number } | WebApiFault;
  /**
   * What the answer means for each of those entries. `again`: it was not accepted, through no fault of
   * its own, and goes into the next request; at least one entry must have another outcome.
   */
  response(
    response: WebApiResponse,
    shared: Mail,
    entries: readonly MailBulkEntry[],
  ): readonly (WebApiAcceptance | WebApiFault | 'again')[];
}

/** How a provider recognises a request that it has had before. */
export interface WebApiIdempotency {
  /** The request's header that takes the key, in lower case. */
  readonly header: string;
  /** How long it keeps a key after the first request with it, in milliseconds. */
  readonly ttlMs: number;
}

/**
 * A mail provider's Web API. It only translates: connections, deadlines, waiting and redaction are
 * the transport's. Nothing here does I/O.
 */
export interface WebApiProvider {
  /** Short, for names of transports: `sendgrid`. */
  readonly name: string;
  /** Scheme, host and port: `https://api.sendgrid.com`. */
  readonly origin: string;
  /**
   * The request that sends the mail whole, or a `MAIL_UNSUPPORTED` fault that names what the provider
   * cannot carry. Nothing of the mail may be dropped.
   */
  request(mail: Mail): WebApiRequest | WebApiFault;
  /** What the answer to that request means. */
  response(response: WebApiResponse, mail: Mail): WebApiAcceptance | WebApiFault;
  /**
   * Only where a second request with the same key is answered like the first, and sends nothing more. The
   * mail's id is the key of `request`; what goes by `bulk` has none.
   */
  readonly idempotency?: WebApiIdempotency;
  /** Only where the API takes many mails in one request. */
  readonly bulk?: WebApiBulk;
  /** A harmless request that needs the credentials. */
  verifyRequest(): WebApiRequest;
  /** Why mail would not be taken, if so. */
  verifyResponse(response: WebApiResponse): WebApiFault | undefined;
  /** Takes the credentials out of text that may reach an error or a log. */
  redact(text: string): string;
}

/** Tells a fault from a request or an acceptance. */
export function isFault(value: object): value is WebApiFault {
  return 'disposition' in value;
}

/** Something of the mail that the provider has no way to carry, or an option of it that is wrong. */
export function cannotCarry(message: string): WebApiFault {
  return {
    code: 'MAIL_UNSUPPORTED',
    disposition: 'permanent',
    fault: 'message',
    stage: 'request',
    message,
  };
}
