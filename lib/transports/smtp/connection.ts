import { once } from 'node:events';
import { Socket } from 'node:net';
import NodemailerConnection, { type SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection';
import type { Clock } from '../../clock.js';
import type { MailDeliveryError, MailStage, RejectedRecipient } from '../../errors.js';
import type { MailEnvelope } from '../../message/mail.js';
import { rejections, toDeliveryError, type ClientError } from './client-error.js';
import { contentStream, hasEightBit } from './content-stream.js';
import type { Credentials } from './credentials.js';
import { Deadline } from './deadline.js';
import { dial } from './dial.js';
import { ReplyCounter } from './reply-counter.js';
import { SessionLog } from './session-log.js';
import type { SmtpErrors } from './smtp-errors.js';
import type { ResolvedSmtpOptions } from './smtp.options.js';

const MAX_REPLY_BYTES = 64 * 1024;
/** How long QUIT may take: by then nothing is at stake. */
const QUIT_MS = 2_000;

export interface ConnectionContext {
  readonly options: ResolvedSmtpOptions;
  readonly credentials?: Credentials;
  readonly errors: SmtpErrors;
  readonly clock: Clock;
}

export interface SmtpOutcome {
  readonly accepted: readonly string[];
  readonly rejected: readonly RejectedRecipient[];
  /** The final reply, as it came. */
  readonly response: string;
}

/**
 * One session with the server: set up once, then one mail at a time. nodemailer speaks the protocol;
 * this watches how far it has come, keeps the deadlines and says what a failure means for the mail.
 */
export class SmtpConnection {
  /** Mails that were begun on it. */
  mails = 0;
  private alive = true;
  private quitting = false;
  private needsReset = false;
  private repliesBefore = 0;
  private earlyReply = false;
  private pending: ((error: MailDeliveryError) => void) | undefined;
  private readonly client: NodemailerConnection;
  private readonly log = new SessionLog(() => {
    this.progressed();
  });
  private readonly deadline: Deadline;

  private constructor(
    private readonly socket: Socket,
    private readonly context: ConnectionContext,
  ) {
    const { options, clock, errors } = context;
    this.deadline = new Deadline(clock, (ms) => {
      this.fail(errors.timeout(this.log.stage, ms));
    });
    // Ours are the deadlines; nodemailer's inactivity timers only must not come first.
    const never = 2 * Math.max(...Object.values(options.timeouts));
    this.client = new NodemailerConnection({
      connection: socket,
      secured: options.secure,
      secure: options.secure,
      host: options.host,
      port: options.port,
      name: options.name,
      requireTLS: options.requireTLS,
      ignoreTLS: options.ignoreTLS,
      tls: options.tls,
      servername: options.tls.servername,
      connectionTimeout: never,
      greetingTimeout: never,
      socketTimeout: never,
      maxResponseSize: MAX_REPLY_BYTES,
      transactionLog: true,
      logger: this.log.logger,
    });
    this.client.on('error', (error: ClientError) => {
      this.fail(this.translate(error));
    });
    const ended = () => {
      if (this.quitting) return;
      this.alive = false;
      const { stage } = this.log;
      // Whoever waits may be about to hear more than that it ended.
      setImmediate(() => {
        this.fail(
          stage === 'starttls' ? errors.tls(stage, 'the connection was lost') : errors.lost(stage),
        );
      });
    };
    this.client.once('end', ended);
    socket.once('close', ended);
  }

  /**
   * Connects, secures and authenticates.
   * @throws MailDeliveryError of a road fault.
   */
  static async open(context: ConnectionContext, signal: AbortSignal): Promise<SmtpConnection> {
    const { options, errors, clock, credentials } = context;
    const socket = await dial(options, errors, clock, signal);
    const connection = new SmtpConnection(socket, context);
    await connection.run(signal, (done) => {
      connection.client.connect(done);
    });
    if (credentials) await connection.authenticate(credentials, signal);
    connection.log.enter('mail');
    const received = new ReplyCounter(connection.log.replies);
    connection.log.received = received;
    // Ahead of nodemailer, so that a reply has been counted when it is read.
    connection.wire.prependListener('data', (chunk: Buffer) => {
      received.push(chunk);
    });
    return connection;
  }

  get usable(): boolean {
    return this.alive;
  }

  /** Whether the server has said nothing since the current mail was begun. */
  get unanswered(): boolean {
    return this.log.replies === this.repliesBefore;
  }

  /** @throws MailDeliveryError when no recipient was accepted. */
  async send(envelope: MailEnvelope, content: Buffer, signal: AbortSignal): Promise<SmtpOutcome> {
    const { errors } = this.context;
    this.begin();
    this.check(envelope, content);
    await this.resetIfNeeded(signal);
    const message = {
      from: envelope.from,
      to: [...envelope.to],
      size: content.length,
      use8BitMime: hasEightBit(content),
    };
    const info = await this.run<SMTPConnectionSendInfo>(signal, (done) => {
      this.client.send(
        message,
        contentStream(content, (gone) => this.nextBlock(gone)),
        done,
      );
    });
    if (!this.log.contentComplete || this.earlyReply) {
      const error = errors.protocol('reply', 'replied before it had the whole content');
      this.fail(error);
      throw error;
    }
    const redact = this.context.credentials?.redact ?? unchanged;
    return {
      accepted: info.accepted,
      rejected: rejections(info.rejectedErrors, redact),
      response: redact(info.response),
    };
  }

  /** Asks the server whether it is still there. */
  async probe(signal: AbortSignal): Promise<void> {
    this.begin();
    this.needsReset = true;
    await this.resetIfNeeded(signal);
  }

  /** Says QUIT and waits for the end, not for long. */
  async quit(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    this.quitting = true;
    const given = new AbortController();
    const cancel = this.context.clock.after(QUIT_MS, () => {
      given.abort();
    });
    const closed = once(this.socket, 'close', { signal: given.signal }).catch(() => undefined);
    this.client.quit();
    await closed;
    cancel();
    this.tearDown();
  }

  /** Tears the session down at once; a mail on it fails with what its stage means. */
  destroy(reason?: unknown): void {
    this.fail(this.context.errors.aborted(this.log.stage, reason));
  }

  /** The socket that carries the session: after STARTTLS the TLS one around ours. */
  private get wire(): Socket {
    const { _socket: socket } = this.client;
    return socket instanceof Socket ? socket : this.socket;
  }

  private async authenticate(credentials: Credentials, signal: AbortSignal): Promise<void> {
    if (!this.client.allowsAuth) {
      const error = this.context.errors.auth('the server offers no AUTH');
      this.fail(error);
      throw error;
    }
    this.log.enter('auth');
    await this.run(signal, (done) => {
      this.client.login(credentials.forLogin(), done);
    });
  }

  private begin(): void {
    this.mails += 1;
    this.repliesBefore = this.log.replies;
    this.earlyReply = false;
  }

  /** Refuses what the server has said it cannot take, before it is asked. */
  private check(envelope: MailEnvelope, content: Buffer): void {
    const { errors } = this.context;
    const limit = Number(this.log.capability('SIZE') ?? 0);
    if (limit > 0 && content.length > limit) throw errors.tooLarge(content.length, limit);
    const paths = [envelope.from, ...envelope.to];
    if (paths.some(isInternational) && this.log.capability('SMTPUTF8') === undefined) {
      throw errors.unsupported(
        'mail',
        'an address outside ASCII needs SMTPUTF8 (RFC 6531), which the server does not offer',
      );
    }
  }

  private async resetIfNeeded(signal: AbortSignal): Promise<void> {
    if (!this.needsReset) return;
    await this.run(signal, (done) => {
      this.client.reset(done);
    });
    this.needsReset = false;
  }

  private nextBlock(gone: number): boolean {
    if (!this.alive) return false;
    if (gone === 0 && this.log.ahead) {
      // Not one byte of content for a server that has answered it already.
      this.fail(this.context.errors.protocol('data', 'replied before it had the content'));
      return false;
    }
    this.deadline.arm(this.context.options.timeouts.dataMs);
    return true;
  }

  /** Runs one step of nodemailer's to its end, whichever way it tells of it. */
  private run<T>(
    signal: AbortSignal,
    start: (done: (error?: Error | null, value?: T) => void) => void,
  ): Promise<T> {
    const { errors } = this.context;
    if (!this.alive) return Promise.reject(errors.lost('mail'));
    if (signal.aborted) return Promise.reject(errors.aborted(this.log.stage, signal.reason));
    return new Promise<T>((resolve, reject) => {
      const abort = () => {
        this.fail(errors.aborted(this.log.stage, signal.reason));
      };
      const settle = () => {
        this.pending = undefined;
        this.deadline.clear();
        signal.removeEventListener('abort', abort);
      };
      const pending = (error: MailDeliveryError) => {
        settle();
        reject(error);
      };
      this.pending = pending;
      signal.addEventListener('abort', abort, { once: true });
      this.progressed();
      start((error, value) => {
        if (this.pending !== pending) return;
        if (error) {
          this.refuse(this.translate(error));
        } else {
          settle();
          resolve(value as T);
        }
      });
    });
  }

  /** The step failed. Only a refusal of the mail leaves the session fit for the next one. */
  private refuse(error: MailDeliveryError): void {
    const survives =
      error.fault === 'message' && error.stage !== 'content' && error.code !== 'MAIL_PROTOCOL';
    if (!survives) {
      this.fail(error);
      return;
    }
    if (error.stage === 'rcpt' || error.stage === 'data') this.needsReset = true;
    this.pending?.(error);
  }

  private translate(error: ClientError): MailDeliveryError {
    const { errors, credentials } = this.context;
    return toDeliveryError(error, this.log, errors, credentials?.redact ?? unchanged);
  }

  /** Another reply is waited for: its deadline runs from now. */
  private progressed(): void {
    if (!this.pending) return;
    const { timeouts } = this.context.options;
    const { stage, reply } = this.log;
    if (reply?.stage === 'data' && reply.text.startsWith('2')) {
      // nodemailer would go on; but then the replies are out of step, and the next no verdict.
      this.fail(
        this.context.errors.protocol('data', `answered DATA with ${reply.text.slice(0, 3)}`),
      );
      return;
    }
    if (stage === 'reply' && this.log.ahead) this.earlyReply = true;
    this.deadline.arm(timeouts[DEADLINES[stage] ?? 'commandMs']);
  }

  private fail(error: MailDeliveryError): void {
    this.tearDown();
    this.pending?.(error);
  }

  private tearDown(): void {
    this.alive = false;
    this.deadline.clear();
    // The socket first: nodemailer's close() would flush what is still to be written.
    this.wire.destroy();
    this.socket.destroy();
    this.client.close();
  }
}

const DEADLINES: Partial<Record<MailStage, keyof ResolvedSmtpOptions['timeouts']>> = {
  greeting: 'greetingMs',
  data: 'dataMs',
  content: 'dataMs',
  reply: 'replyMs',
};

function unchanged(text: string): string {
  return text;
}

function isInternational(address: string): boolean {
  return /[^\u0000-\u007f]/.test(address);
}
