/**
 * What an error means for the message (RFC 5321 §4.2.1, RFC 1047):
 * - `retry`: it was not accepted; the same mail may be sent again later.
 * - `permanent`: it will never be accepted as it is.
 * - `unknown`: the reply was lost after the content was complete; it may have been accepted.
 */
export type MailDisposition = 'retry' | 'permanent' | 'unknown';

/** Whose fault it is: a `transport` fault says nothing about the message, so another transport may carry it. */
export type MailFault = 'transport' | 'message';

/** Where in an attempt it happened. `content` is DATA or BDAT up to its end; `reply` the wait after it. */
export type MailStage =
  | 'dns'
  | 'connect'
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'content'
  | 'reply'
  | 'request'
  | 'response'
  | 'queue';

/**
 * Every code that this package raises, with what it means. Codes are stable: they are added, never
 * renamed. The table in the README is checked against this one.
 */
export const MAIL_ERROR_CODES = {
  MAIL_INVALID: 'The message failed validation; nothing was sent or stored',
  MAIL_CONFIG: 'An option is wrong; the module was not built',
  MAIL_LOAD: "A transport's code could not be loaded; nothing was sent",
  MAIL_TEMPLATE:
    'A template is missing or broken, or its context lacks a variable; nothing was sent',
  MAIL_VETOED: 'An interceptor stopped the message; nothing was sent',
  MAIL_SHUTDOWN: 'The module is draining or closed and takes no new mail',
  MAIL_ABORTED: 'The caller or the drain deadline aborted the attempt',
  MAIL_DNS: "The next hop's name could not be resolved",
  MAIL_CONNECT: 'No connection to the next hop: refused, unreachable or too slow',
  MAIL_TLS: 'TLS was required and could not be established or trusted',
  MAIL_AUTH: 'The next hop refused the credentials',
  MAIL_SERVICE: 'The next hop is not taking mail now (SMTP 421, a refused greeting, HTTP 5xx)',
  MAIL_SENDER: 'The next hop refused the reverse-path (MAIL FROM)',
  MAIL_RECIPIENTS: 'The next hop refused every recipient (RCPT TO)',
  MAIL_CONTENT: 'The next hop refused the content (DATA, BDAT, HTTP 400 or 413)',
  MAIL_RATE: 'The next hop asks to slow down (HTTP 429), or too many mails wait for it already',
  MAIL_UNSUPPORTED: 'This transport cannot carry something that the message asks for',
  MAIL_DKIM: 'The mail could not be signed',
  MAIL_PROTOCOL: 'The next hop broke the protocol',
  MAIL_TIMEOUT: 'The next hop did not answer within its deadline',
  MAIL_CONNECTION_LOST: 'The connection was lost during the attempt',
  MAIL_RELAY:
    "The relay's storage failed or did not answer in time; the mail is not known to be stored",
  MAIL_IDEMPOTENCY: 'The idempotency key belongs to another message; nothing was stored',
} as const;

export type MailErrorCode = keyof typeof MAIL_ERROR_CODES;

/** The base of all errors of this package. `toJSON` is safe to log: it carries no secret. */
export abstract class MailError extends Error {
  abstract readonly code: MailErrorCode;
  abstract readonly disposition: MailDisposition;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      disposition: this.disposition,
      message: this.message,
    };
  }
}

/** One fault of a message. `path` is the field (`to[1]`, `attachments[0].content`), `fix` what to do. */
export interface MailIssue {
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
}

/** The message is bad; every fault is in `issues`. Raised before anything is sent or stored. */
export class MailValidationError extends MailError {
  readonly code = 'MAIL_INVALID';
  readonly disposition = 'permanent';
  readonly issues: readonly MailIssue[];

  constructor(issues: readonly MailIssue[], options?: { readonly cause?: unknown }) {
    const lines = issues.map((issue) => `  ${issue.path}: ${issue.problem}. ${issue.fix}`);
    super(`The message is not valid; nothing was sent.\n${lines.join('\n')}`, options);
    this.issues = issues;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), issues: this.issues };
  }
}

/** An option is wrong. Raised when the module is built. `got` never shows a secret. */
export class MailConfigurationError extends MailError {
  readonly code = 'MAIL_CONFIG';
  readonly disposition = 'permanent';
  readonly option: string;

  constructor(
    option: string,
    expected: string,
    got: string,
    options?: { readonly cause?: unknown; readonly message?: string },
  ) {
    super(options?.message ?? `Expected \`${option}\` to be ${expected}, got ${got}.`, options);
    this.option = option;
  }

  /** An option that nobody knows; `advice` is a sentence on what was probably meant. */
  static unknown(option: string, advice: string): MailConfigurationError {
    const message = `Unknown option \`${option}\`. ${advice}`;
    return new MailConfigurationError(option, 'absent', 'an unknown option', { message });
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), option: this.option };
  }
}

export interface MailTemplateErrorInit {
  readonly template: string;
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
  /** Relative to the working directory, where it lies below it. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 0. */
  readonly column?: number;
  readonly variable?: string;
  readonly cause?: unknown;
}

/** A template could not be found, compiled or rendered. Nothing was sent or stored. */
export class MailTemplateError extends MailError {
  readonly code = 'MAIL_TEMPLATE';
  readonly disposition = 'permanent';
  readonly template: string;
  readonly problem: string;
  readonly fix: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The variable or helper that is missing. */
  readonly variable?: string;

  constructor(init: MailTemplateErrorInit) {
    const { template, file, line, problem, fix } = init;
    const place = file === undefined ? '' : ` (${file}${line === undefined ? '' : `:${line}`})`;
    super(`Template '${template}'${place}: ${problem}. ${fix}${/[.?]$/.test(fix) ? '' : '.'}`, {
      cause: init.cause,
    });
    this.template = template;
    this.problem = problem;
    this.fix = fix;
    this.file = file;
    this.line = line;
    this.column = init.column;
    this.variable = init.variable;
  }

  override toJSON(): Record<string, unknown> {
    const { template, file, line, column, variable, fix } = this;
    return { ...super.toJSON(), template, file, line, column, variable, fix };
  }
}

/** An interceptor stopped the message; throw it there with the reason. */
export class MailVetoedError extends MailError {
  readonly code = 'MAIL_VETOED';
  readonly disposition = 'permanent';

  readonly reason: string;
  /** The interceptor that stopped it. */
  readonly by?: string;

  constructor(reason: string, options: { by?: string; cause?: unknown } = {}) {
    const by = options.by === undefined ? '' : ` by ${options.by}`;
    super(`The message was stopped${by}; nothing was sent: ${reason}`, options);
    this.reason = reason;
    this.by = options.by;
  }
}

/** New mail after the module began to drain. The mail was not sent; hand it to another instance. */
export class MailShutdownError extends MailError {
  readonly code = 'MAIL_SHUTDOWN';
  readonly disposition = 'retry';

  constructor(
    message = 'The mail module is shutting down and takes no new mail; nothing was sent.',
  ) {
    super(message);
  }
}

/** A recipient that the next hop refused, with its words. */
export interface RejectedRecipient {
  readonly address: string;
  /** `retry` for a 4yz reply, `permanent` for a 5yz one. */
  readonly disposition: 'retry' | 'permanent';
  readonly smtpCode?: number;
  /** Enhanced status code (RFC 3463), for example `5.1.1`. */
  readonly enhancedCode?: string;
  readonly response: string;
}

export interface MailDeliveryErrorInit {
  readonly code: MailErrorCode;
  readonly disposition: MailDisposition;
  readonly fault: MailFault;
  readonly stage: MailStage;
  readonly message: string;
  /** The transport's name (`smtp:smtp.example.com:587`). */
  readonly transport?: string;
  readonly smtpCode?: number;
  readonly enhancedCode?: string;
  readonly httpStatus?: number;
  /** The server's own words, with secrets taken out. */
  readonly response?: string;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs?: number;
  /** See MailDeliveryError. Kept only with the disposition `unknown`. */
  readonly safeRetryUntil?: number;
  readonly rejected?: readonly RejectedRecipient[];
  readonly cause?: unknown;
}

/** An attempt over a transport failed. What it means for the message is in `disposition`. */
export class MailDeliveryError extends MailError {
  readonly code: MailErrorCode;
  readonly disposition: MailDisposition;
  readonly fault: MailFault;
  readonly stage: MailStage;
  readonly transport?: string;
  readonly smtpCode?: number;
  readonly enhancedCode?: string;
  readonly httpStatus?: number;
  readonly response?: string;
  readonly retryAfterMs?: number;
  /**
   * With `unknown`: until this moment (epoch milliseconds) the same mail may go once more over the same transport,
   * and over no other: its provider keeps the mail's id, and sends nothing twice.
   */
  readonly safeRetryUntil?: number;
  readonly rejected: readonly RejectedRecipient[];

  constructor(init: MailDeliveryErrorInit) {
    super(init.message, { cause: init.cause });
    this.code = init.code;
    this.disposition = init.disposition;
    this.fault = init.fault;
    this.stage = init.stage;
    this.transport = init.transport;
    this.smtpCode = init.smtpCode;
    this.enhancedCode = init.enhancedCode;
    this.httpStatus = init.httpStatus;
    this.response = init.response;
    // A transport of the user's own may have read it wrong; nobody could wait for it.
    this.retryAfterMs = Number.isNaN(init.retryAfterMs) ? undefined : init.retryAfterMs;
    if (init.disposition === 'unknown') this.safeRetryUntil = init.safeRetryUntil;
    this.rejected = init.rejected ?? [];
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      fault: this.fault,
      stage: this.stage,
      transport: this.transport,
      smtpCode: this.smtpCode,
      enhancedCode: this.enhancedCode,
      httpStatus: this.httpStatus,
      response: this.response,
      retryAfterMs: this.retryAfterMs,
      safeRetryUntil: this.safeRetryUntil,
      rejected: this.rejected,
    };
  }
}

export interface AbortedErrorInit {
  readonly message: string;
  /** What the caller's signal says, or the reason of the drain. */
  readonly cause?: unknown;
  readonly stage: MailStage;
  /** Default `retry`; `unknown` where the content may have been accepted by then. */
  readonly disposition?: 'retry' | 'unknown';
  /** Default `message`: an abort says nothing about the transport, and feeds no breaker. */
  readonly fault?: MailFault;
  readonly transport?: string;
}

/** The one maker of `MAIL_ABORTED`: the caller, or a drain at its deadline, stopped the attempt. */
export function abortedError({
  disposition = 'retry',
  fault = 'message',
  ...init
}: AbortedErrorInit): MailDeliveryError {
  return new MailDeliveryError({ code: 'MAIL_ABORTED', disposition, fault, ...init });
}

/**
 * The relay's storage failed: a full disk, Redis down or out of memory. Never raised for a mail that was
 * acknowledged. `retry`: nothing was stored. `unknown`: the answer was lost, so it may have been stored;
 * an `idempotencyKey` makes it safe to send again.
 */
export class MailRelayError extends MailError {
  readonly code = 'MAIL_RELAY';
  readonly disposition: 'retry' | 'unknown';

  constructor(
    message: string,
    options: { readonly disposition?: 'retry' | 'unknown'; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.disposition = options.disposition ?? 'retry';
  }
}

/**
 * An idempotency key came with another message: other recipients, another subject or other content.
 * Nothing was stored, and the first mail goes its way.
 */
export class MailIdempotencyError extends MailError {
  readonly code = 'MAIL_IDEMPOTENCY';
  readonly disposition = 'permanent';

  constructor(
    /** The mail that was not stored. */
    readonly id: string,
    /** The mail that the key belongs to. */
    readonly first: { readonly id: string; readonly messageId: string },
  ) {
    super(
      `The idempotency key of mail ${id} belongs to mail ${first.id}, which has other recipients, another subject or other content; nothing was stored. Give each message a key of its own, and the same message the same key.`,
    );
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), id: this.id, first: this.first };
  }
}
