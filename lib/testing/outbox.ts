import { AssertionError } from 'node:assert';
import { MailDeliveryError, MailShutdownError } from '../errors.js';
import type { Mail } from '../message/mail.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transports/transport.js';
import { describeFilter, mismatches, type MailFilter } from './mail-filter.js';
import { OutboxMail } from './outbox-mail.js';
import { checkStep, errorOf, isRejecting, type OutboxStep } from './outbox-script.js';

/** One try to hand a mail over, in the order in which they came. */
export interface OutboxAttempt {
  readonly mail: Mail;
  /** Absent when the mail was taken. */
  readonly error?: Error;
}

/**
 * Stands in for the roads of a mailer in tests. Everything before it is real: validation, templates,
 * interceptors, events, the relay. It belongs to one app, so tests may run side by side.
 */
export class MailOutbox implements MailTransport {
  readonly name = 'outbox';
  private readonly taken: OutboxMail[] = [];
  private readonly tried: OutboxAttempt[] = [];
  private readonly steps: OutboxStep[] = [];
  private readonly hanging = new Set<(reason: Error) => void>();
  private closed = false;

  /** What was sent, oldest first. */
  get sent(): readonly OutboxMail[] {
    return this.taken;
  }

  /** Every try, the failed ones included. */
  get attempts(): readonly OutboxAttempt[] {
    return this.tried;
  }

  /** What was sent to that address, blind copies included. */
  to(address: string): readonly OutboxMail[] {
    return this.find({ to: address });
  }

  find(filter: MailFilter): readonly OutboxMail[] {
    return this.taken.filter((mail) => mismatches(mail, filter).length === 0);
  }

  /** @throws AssertionError when nothing was sent. */
  last(): OutboxMail {
    return this.taken.at(-1) ?? fail('Expected a mail to be sent, but none was.');
  }

  /**
   * Answers the first mail that meets the filter.
   * @throws AssertionError that says of each sent mail what is different.
   */
  assertSent(filter: MailFilter, options: { readonly times?: number } = {}): OutboxMail {
    const found = this.find(filter);
    const [first] = found;
    if (first && (options.times === undefined || options.times === found.length)) return first;
    const wanted = `Expected a mail with\n${describeFilter(filter)}\nto be sent`;
    if (first) {
      return fail(
        `${wanted} ${options.times} times, but it was ${found.length} times:\n${list(found)}`,
      );
    }
    if (options.times === 0) return undefined as never;
    return fail(`${wanted}, but ${this.difference(filter)}`);
  }

  /** @throws AssertionError that lists the mails that meet the filter. */
  assertNotSent(filter: MailFilter): void {
    const found = this.find(filter);
    if (found.length === 0) return;
    fail(
      `Expected no mail with\n${describeFilter(filter)}\nto be sent, but there is:\n${list(found)}`,
    );
  }

  /** @throws AssertionError that lists what was sent. */
  assertNothingSent(): void {
    if (this.taken.length === 0) return;
    fail(`Expected nothing to be sent, but there is:\n${list(this.taken)}`);
  }

  /** How each sent mail differs from the filter, for a test's report. */
  difference(filter: MailFilter): string {
    if (this.taken.length === 0) return 'nothing was sent.';
    const lines = this.taken.map((mail, index) => {
      const faults = mismatches(mail, filter).map((fault) => `\n       ${fault}`);
      return `  ${index + 1}. ${mail.toString()}${faults.join('')}`;
    });
    return `none of the ${lines.length} sent is one:\n${lines.join('\n')}`;
  }

  /**
   * Says what happens to the next attempts, one step each; after the last step mail is taken again.
   * @throws MailConfigurationError for a step that there is not.
   */
  script(...steps: OutboxStep[]): this {
    steps.forEach(checkStep);
    this.steps.push(...steps);
    return this;
  }

  /** Forgets mails, attempts and what is left of the script. */
  clear(): void {
    this.taken.length = 0;
    this.tried.length = 0;
    this.steps.length = 0;
  }

  async deliver(mail: Mail, options: DeliverOptions = {}): Promise<MailDelivery> {
    try {
      const delivery = await this.step(mail, options.signal);
      this.taken.push(new OutboxMail(mail));
      this.tried.push({ mail });
      return delivery;
    } catch (error) {
      this.tried.push({ mail, error: error as Error });
      throw error;
    }
  }

  verify(): Promise<void> {
    return this.closed ? Promise.reject(new MailShutdownError()) : Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  destroy(reason: Error = new MailShutdownError()): Promise<void> {
    for (const abort of [...this.hanging]) abort(reason);
    return this.close();
  }

  private async step(mail: Mail, signal: AbortSignal | undefined): Promise<MailDelivery> {
    if (this.closed) throw new MailShutdownError();
    if (signal?.aborted) throw aborted(signal.reason);
    const step = this.steps.shift() ?? 'ok';
    if (step === 'hang') return this.hang(signal);
    const { to } = mail.envelope;
    if (step === 'ok') return { road: this.name, accepted: to, rejected: [], response: '250 ok' };
    if (!isRejecting(step)) throw errorOf(step, mail, this.name);
    const code = step.code ?? '550';
    const refused = new Set(step.reject.map((address) => address.toLowerCase()));
    const accepted = to.filter((address) => !refused.has(address.toLowerCase()));
    if (accepted.length === 0) throw errorOf(code, mail, this.name);
    const rejected = to
      .filter((address) => !accepted.includes(address))
      .map((address) => ({
        address,
        disposition: code.startsWith('4') ? ('retry' as const) : ('permanent' as const),
        smtpCode: Number(code),
        response: `${code} scripted`,
      }));
    return { road: this.name, accepted, rejected, response: '250 ok' };
  }

  private hang(signal: AbortSignal | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      const abort = (reason: unknown) => {
        this.hanging.delete(abort);
        reject(aborted(reason));
      };
      this.hanging.add(abort);
      signal?.addEventListener('abort', () => abort(signal.reason), { once: true });
    });
  }
}

function aborted(cause: unknown): MailDeliveryError {
  return new MailDeliveryError({
    code: 'MAIL_ABORTED',
    disposition: 'retry',
    fault: 'road',
    stage: 'mail',
    message: 'The attempt was aborted',
    road: 'outbox',
    cause,
  });
}

const list = (mails: readonly OutboxMail[]) =>
  mails.map((mail, index) => `  ${index + 1}. ${mail.toString()}`).join('\n');

function fail(message: string): never {
  throw new AssertionError({ message });
}
