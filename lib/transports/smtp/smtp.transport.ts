import { systemClock, type Clock } from '../../clock.js';
import { MailShutdownError } from '../../errors.js';
import type { Mail } from '../../message/mail.js';
import { needsTemplate } from '../../message/needs-template.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';
import { compose } from './compose.js';
import { SmtpConnection } from './connection.js';
import { credentialsOf } from './credentials.js';
import { SmtpPool } from './pool.js';
import { SmtpErrors } from './smtp-errors.js';
import { parseReply, remoteIdOf } from './smtp-reply.js';
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
    const context = { options: resolved, credentials, errors: this.errors, clock };
    this.pool = new SmtpPool({
      ...context,
      options: resolved.pool,
      open: (signal) => SmtpConnection.open(context, signal),
    });
  }

  async deliver(mail: Mail, { signal }: DeliverOptions = {}): Promise<MailDelivery> {
    this.refuseWhenClosing();
    if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > this.clock.now()) {
      throw this.errors.unsupported('queue', 'SMTP cannot hold a mail until its `sendAt`');
    }
    if (needsTemplate(mail)) {
      throw this.errors.unsupported('queue', 'its content is a template of another provider’s');
    }
    const outcome = await this.pool.run(async (connection, torn) => {
      return connection.send(mail.envelope, await this.compose(mail), torn);
    }, signal);
    const { accepted, rejected, response } = outcome;
    const { text } = parseReply(response, (said) => said);
    return { road: this.name, accepted, rejected, response: text, remoteId: remoteIdOf(text) };
  }

  /** Connects and authenticates as for a mail, or asks a connection that is idle (RSET). */
  async verify({ signal }: DeliverOptions = {}): Promise<void> {
    this.refuseWhenClosing();
    await this.pool.run((connection, torn) => connection.probe(torn), signal);
  }

  close(): Promise<void> {
    this.closing = true;
    return this.pool.close();
  }

  destroy(reason?: Error): Promise<void> {
    this.closing = true;
    return this.pool.destroy(reason);
  }

  /** Only once a connection is there for it, so that mails in line stay small. */
  private async compose(mail: Mail): Promise<Buffer> {
    try {
      return await compose(mail, this.options.dkim);
    } catch (error) {
      throw this.errors.unsupported('queue', error instanceof Error ? error.message : 'composing');
    }
  }

  private refuseWhenClosing(): void {
    if (!this.closing) return;
    throw new MailShutdownError(`${this.name} is closed and takes no new mail; nothing was sent.`);
  }
}
