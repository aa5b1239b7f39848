import type { MailProviderOptions } from './provider-options.js';

export interface MailAddress {
  /** Display name; absent when there is none. */
  readonly name?: string;
  /** `local@domain`, the domain in its ASCII (A-label) form. */
  readonly address: string;
}

/** Who the next hop is told about (RFC 5321 §2.3.1). */
export interface MailEnvelope {
  /** Reverse-path; `''` is the null reverse-path. */
  readonly from: string;
  /** Recipients, each once; at least one. */
  readonly to: readonly string[];
}

export interface MailAttachment {
  readonly filename?: string;
  readonly contentType: string;
  /** Our own copy of the bytes. `JSON.stringify` writes it as `{ "base64": "…" }`. */
  readonly content: Buffer;
  readonly cid?: string;
  readonly disposition: 'attachment' | 'inline';
}

export interface MailHeader {
  readonly name: string;
  readonly value: string;
}

/** What is asked of delivery reports (RFC 3461); at least one of the three. */
export interface MailDsn {
  readonly id?: string;
  readonly return?: 'full' | 'headers';
  /** Each once, at least one; `never` alone. */
  readonly notify?: readonly ('never' | 'success' | 'failure' | 'delay')[];
}

/**
 * A message after validation and defaults: deeply frozen plain data. `JSON.stringify` and `parseMail`
 * take it through storage unchanged. Every attempt on every transport carries the same id and messageId.
 */
export interface Mail {
  /** UUIDv7 (RFC 9562). */
  readonly id: string;
  /** With angle brackets. */
  readonly messageId: string;
  /** ISO 8601; when the mail was made. */
  readonly createdAt: string;
  /** ISO 8601; only when the caller fixed the Date header. */
  readonly date?: string;
  readonly envelope: MailEnvelope;
  readonly from: MailAddress;
  readonly sender?: MailAddress;
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  readonly bcc: readonly MailAddress[];
  readonly replyTo: readonly MailAddress[];
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
  readonly amp?: string;
  readonly icalEvent?: { readonly method: string; readonly content: string };
  readonly attachments: readonly MailAttachment[];
  /** Extra headers in order, the List-* family already among them. Values are unfolded Unicode. */
  readonly headers: readonly MailHeader[];
  /** With angle brackets. */
  readonly inReplyTo?: string;
  /** With angle brackets each. */
  readonly references: readonly string[];
  readonly priority?: 'high' | 'normal' | 'low';
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The template that its content came from; told in events, never sent. */
  readonly template?: string;
  /** ISO 8601. */
  readonly sendAt?: string;
  readonly dsn?: MailDsn;
  readonly requireTLSExtensionEnabled?: true;
  /** Plain data, dates in ISO 8601; each provider checks its own. */
  readonly providerOptions?: MailProviderOptions;
}
