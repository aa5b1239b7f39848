import { systemClock, type Clock } from '../../base/clock.js';
import { MailDeliveryError, type MailError, MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { needsTemplate } from '../../message/needs-template.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';
import type { WireMail } from './protocol/commands.js';
import { composeWire } from './compose.js';
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
    const signing = this.#signing;
    if (signing) return this.prepareSigned(mail, signing);
    try {
      return composeWire(mail);
    } catch (error) {
      throw this.unfit(error);
    }
  }

  /** Another thread signs. */
  private async prepareSigned(mail: Mail, signing: SigningThread): Promise<WireMail> {
    try {
      const made = composeWire(mail);
      return { ...made, content: await signing.sign(made.content) };
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
