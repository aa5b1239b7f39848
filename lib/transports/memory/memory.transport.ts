import { abortedError, MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { OptionReader } from '../../base/option-reader.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';

export interface MemoryTransportOptions {
  readonly type?: 'memory';
  /** How many mails are kept; the oldest is forgotten beyond it. Default 1,000, minimum 1. */
  readonly maxMails?: number;
}

const DEFAULTS = { maxMails: 1_000 } as const;

/** A transport that leads nowhere: it accepts every mail and keeps it. For development and tests. */
export class MemoryTransport implements MailTransport {
  readonly name = 'memory';
  private readonly kept: Mail[] = [];
  private readonly maxMails: number;
  private closed = false;

  /** @throws MailConfigurationError */
  constructor(options: MemoryTransportOptions = {}, path = 'transport') {
    const reader = new OptionReader(path, options, ['type', 'maxMails']);
    this.maxMails = reader.integer('maxMails', DEFAULTS.maxMails, { min: 1 });
  }

  /** What was delivered, oldest first. */
  get mails(): readonly Mail[] {
    return this.kept;
  }

  clear(): void {
    this.kept.length = 0;
  }

  deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery> {
    if (this.closed) return Promise.reject(new MailShutdownError());
    if (options?.signal?.aborted) {
      return Promise.reject(
        abortedError({
          stage: 'queue',
          message: 'The attempt was aborted before it began',
          transport: this.name,
          cause: options.signal.reason,
        }),
      );
    }
    this.kept.push(mail);
    if (this.kept.length > this.maxMails) this.kept.shift();
    return Promise.resolve({
      transport: this.name,
      accepted: mail.envelope.to,
      rejected: [],
      response: 'kept in memory',
    });
  }

  verify(): Promise<void> {
    return this.closed ? Promise.reject(new MailShutdownError()) : Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    return this.close();
  }
}
