import type { MailTemplateFields } from './mail-templates.js';
import type { MailProviderOptions } from './provider-options.js';

/** An address: `'jo@example.com'`, `'Jo <jo@example.com>'`, or its parts. */
export type MailAddressInput = string | { readonly name?: string; readonly address: string };

/** One or more addresses. A string may hold a comma-separated list. */
export type MailAddressesInput = MailAddressInput | readonly MailAddressInput[];

/** A file that travels with the message. Exactly one of `content`, `path` and `href`. */
export interface MailAttachmentInput {
  readonly filename?: string;
  /**
   * Media type, for example `application/pdf`. Default: by the filename, else
   * `application/octet-stream`. A `text/*` given as a string with more than ASCII gets `charset=utf-8`.
   * A `message/*` that may not travel as one (NUL, a bare CR or LF, a line over 998 bytes) goes as
   * `application/octet-stream`.
   */
  readonly contentType?: string;
  /** The bytes, or text in `encoding`. */
  readonly content?: string | Uint8Array;
  /** How a string `content` is to be read. Default `utf8`. */
  readonly encoding?: 'utf8' | 'base64' | 'hex';
  /** Content-ID for `<img src="cid:…">`, without angle brackets. Makes the attachment inline. */
  readonly cid?: string;
  /** Default: `inline` with a `cid`, else `attachment`. */
  readonly contentDisposition?: 'attachment' | 'inline';
  /** A file to read. Refused unless the module's `content.paths` allows its folder. */
  readonly path?: string;
  /** A URL to fetch. Refused unless the module's `content.origins` allows its origin. */
  readonly href?: string;
}

export type MailHeaderValue = string | readonly string[];

/** Extra headers: an object, or a list that keeps order. */
export type MailHeadersInput =
  | Readonly<Record<string, MailHeaderValue>>
  | readonly { readonly key: string; readonly value: string }[];

export type MailListValue = string | { readonly url: string; readonly comment?: string };

/** `List-*` headers (RFC 2369, RFC 2919, RFC 8058). A value is a URL, or an address for `mailto:`. */
export interface MailListInput {
  readonly help?: MailListValue | readonly MailListValue[];
  readonly unsubscribe?: MailListValue | readonly MailListValue[];
  readonly subscribe?: MailListValue | readonly MailListValue[];
  readonly post?: MailListValue | readonly MailListValue[];
  readonly owner?: MailListValue | readonly MailListValue[];
  readonly archive?: MailListValue | readonly MailListValue[];
  readonly id?: MailListValue;
  /** `true` adds `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058); needs an https `unsubscribe`. */
  readonly unsubscribePost?: boolean;
}

/** A calendar invitation (RFC 5546) as an alternative of the body. */
export interface MailCalendarInput {
  /**
   * iTIP method; a METHOD of the content has to be the same, and content without one gets it
   * (RFC 5545 §3.7.2). Default: the content's, else `PUBLISH`.
   */
  readonly method?:
    'PUBLISH' | 'REQUEST' | 'REPLY' | 'ADD' | 'CANCEL' | 'REFRESH' | 'COUNTER' | 'DECLINECOUNTER';
  readonly content: string;
}

/** Overrides who the next hop is told about; by default it follows from the header fields. */
export interface MailEnvelopeInput {
  /** Reverse-path: where bounces go. `''` is the null reverse-path. Default: `sender`, else `from`. */
  readonly from?: string;
  /** Recipients. Default: to, cc and bcc together. */
  readonly to?: string | readonly string[];
}

/** When the servers on the way are to report (RFC 3461 §4.1); `never` stands alone. */
export type MailDsnNotify = 'never' | 'success' | 'failure' | 'delay';

/** Delivery reports (DSN, RFC 3461), sent to the envelope's reverse-path. */
export interface MailDsnInput {
  /** Comes back in every report (ENVID): printable ASCII, at most 100 characters as encoded. */
  readonly id?: string;
  /** What of the message a report of failure brings back. Default: the reporting server's choice. */
  readonly return?: 'full' | 'headers';
  /** Default: the reporting server's, which is failure, and maybe delay. */
  readonly notify?: MailDsnNotify | readonly MailDsnNotify[];
}

/** The fields of a message that every message may have. */
export interface MailMessageFields {
  readonly from?: MailAddressInput;
  readonly sender?: MailAddressInput;
  readonly to?: MailAddressesInput;
  readonly cc?: MailAddressesInput;
  readonly bcc?: MailAddressesInput;
  readonly replyTo?: MailAddressesInput;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  /** AMP alternative of the html. */
  readonly amp?: string;
  readonly icalEvent?: MailCalendarInput;
  readonly attachments?: readonly MailAttachmentInput[];
  readonly headers?: MailHeadersInput;
  readonly list?: MailListInput;
  /** Message-ID that this answers. */
  readonly inReplyTo?: string;
  readonly references?: string | readonly string[];
  /** Default: `<id@domain of from>`. */
  readonly messageId?: string;
  /** What the Date header says. Default: now. */
  readonly date?: Date | string;
  /** The `Importance` family of headers. */
  readonly priority?: 'high' | 'normal' | 'low';
  readonly envelope?: MailEnvelopeInput;
  /** Needs a transport over SMTP whose server offers DSN; any other refuses the message. `{}` asks for nothing. */
  readonly dsn?: MailDsnInput;
  /**
   * Every server on the way has to use TLS, or give the message back (REQUIRETLS, RFC 8689). Needs a
   * transport over SMTP with a trusted certificate, whose server offers it; any other refuses the message.
   */
  readonly requireTLSExtensionEnabled?: boolean;
  /** Labels for statistics; SendGrid's categories. */
  readonly tags?: readonly string[];
  /** Key-value data that comes back in events; SendGrid's custom arguments. Never sent as a header. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Not before this moment. Needs a transport that can hold mail (Web API), or a relay. */
  readonly sendAt?: Date | string;
  /** Settings that only one provider knows, by its name: `{ sendgrid: { templateId } }`. */
  readonly providerOptions?: MailProviderOptions;
}

/**
 * What the caller writes. Field names are nodemailer's where it has one. Never mutated. With
 * `template`, subject, html and text come from the template; a `subject` or `text` beside it wins.
 */
export type MailMessage = MailMessageFields & MailTemplateFields;
