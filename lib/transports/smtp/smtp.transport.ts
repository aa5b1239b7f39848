import { systemClock, type Clock } from '../../clock.js';
import { type MailDeliveryError, MailShutdownError } from '../../errors.js';
import type { Mail } from '../../message/mail.js';
import { canCompose, composeMime } from '../../message/mime/compose.js';
import { needsTemplate } from '../../message/needs-template.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';
import type { WireMail } from './commands.js';
import { compose } from './compose.js';
import { credentialsOf } from './credentials.js';
import { SmtpPool } from './pool.js';
import { SmtpErrors } from './smtp-errors.js';
import {
  readSmtpOptions,
  type ResolvedSmtpOptions,
  type SmtpTransportOptions,
} from './smtp.options.js';

/** Sends over SMTP (RFC 5321) through a pool of connections. */
export class SmtpTransport implements MailTransport {
  readonly name: string;
  private readonly options: ResolvedSmtpOptions;
  private readonly errors: SmtpErrors;
  private readonly pool: SmtpPool;
  private readonly clock: Clock;
  private closing = false;

  /**
   * @param path where the options stand, for the errors about them.
   * @throws MailConfigurationError that names the option, what was expected and what was got.
   */
  constructor(options: SmtpTransportOptions, path = 'transport', clock: Clock = systemClock) {
    const resolved = readSmtpOptions(path, options);
    this.options = resolved;
    this.clock = clock;
    this.name = `smtp:${resolved.host}:${resolved.port}`;
    this.errors = new SmtpErrors(this.name);
    const credentials = resolved.auth && credentialsOf(resolved.auth);
    this.pool = new SmtpPool({ options: resolved, credentials, errors: this.errors, clock });
  }

  async deliver(mail: Mail, { signal }: DeliverOptions = {}): Promise<MailDelivery> {
    this.refuseWhenClosing();
    if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > this.clock.now()) {
      throw this.errors.unsupported('queue', 'SMTP cannot hold a mail until its `sendAt`');
    }
    if (needsTemplate(mail)) {
      throw this.errors.unsupported('queue', 'its content is a template of another provider’s');
    }
    return this.pool.deliver(() => this.prepare(mail), signal);
  }

  /** Connects and authenticates as for a mail, or asks a connection that is idle (RSET). */
  async verify({ signal }: DeliverOptions = {}): Promise<void> {
    this.refuseWhenClosing();
    await this.pool.verify(signal);
  }

  close(): Promise<void> {
    this.closing = true;
    return this.pool.close();
  }

  destroy(reason?: Error): Promise<void> {
    this.closing = true;
    return this.pool.destroy(reason);
  }

  /** Only when its turn has come, so that mails in line stay small. */
  private prepare(mail: Mail): WireMail | Promise<WireMail> {
    const { envelope } = mail;
    const { dkim } = this.options;
    if (dkim || !canCompose(mail)) return this.prepareSlowly(mail);
    try {
      const { bytes, has8bit, smtputf8 } = composeMime(mail)!;
      return { envelope, content: bytes, eightBit: has8bit, smtputf8 };
    } catch (error) {
      throw this.unfit(error);
    }
  }

  /** nodemailer writes what our composer does not cover, and signs. */
  private async prepareSlowly(mail: Mail): Promise<WireMail> {
    try {
      const content = await compose(mail, this.options.dkim);
      const text = content.toString('latin1');
      const [head = ''] = text.split('\r\n\r\n', 1);
      const eightBit = !isAscii(text);
      return { envelope: mail.envelope, content, eightBit, smtputf8: eightBit && !isAscii(head) };
    } catch (error) {
      throw this.unfit(error);
    }
  }

  private unfit(error: unknown): MailDeliveryError {
    return this.errors.unsupported('queue', error instanceof Error ? error.message : 'composing');
  }

  private refuseWhenClosing(): void {
    if (!this.closing) return;
    throw new MailShutdownError(`${this.name} is closed and takes no new mail; nothing was sent.`);
  }
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
