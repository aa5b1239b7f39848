import { systemClock, type Clock } from '../../base/clock.js';
import { MailDeliveryError, type MailError, MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { canCompose, composeMime, type ComposedMail } from '../../message/mime/compose.js';
import { needsTemplate } from '../../message/needs-template.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';
import type { WireMail } from './protocol/commands.js';
import { compose } from './compose.js';
import { contextOf } from './session/context.js';
import { SigningThread } from './dkim/signing-thread.js';
import { SmtpPool } from './pool/pool.js';
import { SmtpErrors } from './protocol/smtp-errors.js';
import { readSmtpOptions, type SmtpTransportOptions } from './options/smtp.options.js';

/** Sends over SMTP (RFC 5321) through a pool of connections. */
export class SmtpTransport implements MailTransport {
  readonly name: string;
  private readonly errors: SmtpErrors;
  private readonly pool: SmtpPool;
  private readonly clock: Clock;
  /** Holds a key. */
  readonly #signing: SigningThread | undefined;
  private closing = false;

  /**
   * @param path where the options stand, for the errors about them.
   * @throws MailConfigurationError that names the option, what was expected and what was got.
   */
  constructor(options: SmtpTransportOptions, path = 'transport', clock: Clock = systemClock) {
    const resolved = readSmtpOptions(path, options);
    this.clock = clock;
    this.name = `${resolved.lmtp ? 'lmtp' : 'smtp'}:${resolved.host}:${resolved.port}`;
    this.errors = new SmtpErrors(this.name);
    this.#signing = resolved.dkim && new SigningThread(resolved.dkim, this.errors);
    this.pool = new SmtpPool(contextOf(resolved, this.errors, clock));
  }

  get capacity(): number {
    return this.pool.capacity;
  }

  deliver(mail: Mail, { signal }: DeliverOptions = {}): Promise<MailDelivery> {
    const refusal = this.refusalOf(mail);
    if (refusal) return Promise.reject(refusal);
    return this.pool.deliver(() => this.prepare(mail), signal);
  }

  /** Connects and authenticates as for a mail, or asks a connection that is idle (RSET). */
  async verify({ signal }: DeliverOptions = {}): Promise<void> {
    if (this.closing) throw this.closed();
    await this.pool.verify(signal);
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.pool.close();
    await this.#signing?.close();
  }

  async destroy(reason?: Error): Promise<void> {
    this.closing = true;
    await Promise.all([this.pool.destroy(reason), this.#signing?.close()]);
  }

  /** Only when its turn has come, so that mails in line stay small. */
  private prepare(mail: Mail): WireMail | Promise<WireMail> {
    if (this.#signing || !canCompose(mail)) return this.prepareSlowly(mail);
    try {
      return wireMail(mail, composeMime(mail)!);
    } catch (error) {
      throw this.unfit(error);
    }
  }

  /** nodemailer writes what our composer does not cover; another thread signs. */
  private async prepareSlowly(mail: Mail): Promise<WireMail> {
    try {
      const made = await compose(mail);
      if (!this.#signing) return wireMail(mail, made);
      return wireMail(mail, { ...made, bytes: await this.#signing.sign(made.bytes) });
    } catch (error) {
      throw this.unfit(error);
    }
  }

  private unfit(error: unknown): MailDeliveryError {
    if (error instanceof MailDeliveryError) return error;
    return this.errors.unsupported('queue', error instanceof Error ? error.message : 'composing');
  }

  private refusalOf(mail: Mail): MailError | undefined {
    if (this.closing) return this.closed();
    if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > this.clock.now()) {
      return this.errors.unsupported('queue', 'SMTP cannot hold a mail until its `sendAt`');
    }
    if (needsTemplate(mail)) {
      return this.errors.unsupported('queue', 'its content is a template of another provider’s');
    }
    return undefined;
  }

  private closed(): MailShutdownError {
    return new MailShutdownError(`${this.name} is closed and takes no new mail; nothing was sent.`);
  }
}

function wireMail(mail: Mail, { bytes, has8bit, smtputf8 }: ComposedMail): WireMail {
  const { envelope, dsn, requireTLSExtensionEnabled: requireTls } = mail;
  return { envelope, content: bytes, eightBit: has8bit, smtputf8, dsn, requireTls };
}
