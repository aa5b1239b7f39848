import { AssertionError } from 'node:assert';
import { setImmediate } from 'node:timers';
import { systemClock, type Clock } from '../base/clock.js';
import { MailConfigurationError } from '../base/errors.js';
import type { Mail } from '../message/mail.js';
import type { JobState, MailRelay } from '../relay/relay.js';
import { describeFilter, mismatches, type MailFilter } from './mail-filter.js';
import { MemoryJobs, MemoryRelay } from './memory-relay.js';
import { OutboxMail } from './outbox-mail.js';
import { OutboxTransport } from './outbox-transport.js';
import { checkStep, type OutboxStep } from './outbox-script.js';

/** One try to hand a mail over, in the order in which they ended. */
export interface OutboxAttempt {
  readonly mail: Mail;
  /** Which transport it took. */
  readonly transport: string;
  /** Absent when the mail was taken. */
  readonly error?: Error;
}

/**
 * Stands in for the transports of a mailer in tests, and keeps a relay's mail in memory. Everything else is
 * real: validation, templates, interceptors, the relay's worker, routes, events. It belongs to one app,
 * so tests may run side by side.
 */
export class MailOutbox {
  private readonly taken: OutboxMail[] = [];
  private readonly tried: OutboxAttempt[] = [];
  private readonly steps: OutboxStep[] = [];
  private readonly transports = new Map<string, OutboxTransport>();
  private readonly jobs: MemoryJobs;

  /** @param clock Time for what waits in the relay. Default: the system's. */
  constructor(clock: Clock = systemClock) {
    this.jobs = new MemoryJobs(clock);
  }

  /** Whether a mailer sends to it. */
  get inUse(): boolean {
    return this.transports.size > 0;
  }

  /** What was sent, oldest first. */
  get sent(): readonly OutboxMail[] {
    return this.taken;
  }

  /** What the relay holds and has not sent yet: waiting, under way, deferred or for later. */
  get queued(): readonly OutboxMail[] {
    return this.held('queued', 'scheduled', 'deferred', 'leased');
  }

  /** What the relay gave up. */
  get dead(): readonly OutboxMail[] {
    return this.held('dead');
  }

  /** Every try, the failed ones included. */
  get attempts(): readonly OutboxAttempt[] {
    return this.tried;
  }

  /**
   * One of the transports, by the name that receipts call it: of a route's, the one that you gave it. Ask for
   * it once the app is there.
   * @throws MailConfigurationError with the names that there are.
   */
  transport(name: string): OutboxTransport {
    const transport = this.transports.get(name);
    if (transport) return transport;
    const names = [...this.transports.keys()].map((one) => `'${one}'`).join(', ');
    throw new MailConfigurationError(
      'outbox.transport()',
      `one of ${names || 'no transports yet'}`,
      `'${name}'`,
    );
  }

  /**
   * Resolves once the relay has nothing more to do now: what is left is deferred, for later, dead, or
   * waits for a transport that is down. At once without a relay.
   */
  async settled(): Promise<void> {
    while (this.jobs.isBusy) {
      await new Promise<void>((resolve) => this.jobs.onChange.push(resolve));
    }
    // What the last settlement made known is told by now.
    await new Promise<void>((resolve) => setImmediate(resolve));
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
    return this.taken.at(-1) ?? fail(`Expected a mail to be sent, but ${this.difference({})}`);
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
    const waiting = this.jobs.mailsIn('queued', 'leased').length;
    const hint =
      waiting === 0
        ? ''
        : `\n${waiting} more ${waiting === 1 ? 'is' : 'are'} still queued in the relay: \`await outbox.settled()\` first.`;
    if (this.taken.length === 0) return `nothing was sent.${hint}`;
    const lines = this.taken.map((mail, index) => {
      const faults = mismatches(mail, filter).map((fault) => `\n       ${fault}`);
      return `  ${index + 1}. ${mail.toString()}${faults.join('')}`;
    });
    return `none of the ${lines.length} sent is one:\n${lines.join('\n')}${hint}`;
  }

  /**
   * Says what happens to the next attempts, whatever their transport, one step each; after the last step mail
   * is taken again. What a transport's own script says goes first.
   * @throws MailConfigurationError for a step that there is not.
   */
  script(...steps: OutboxStep[]): this {
    steps.forEach(checkStep);
    this.steps.push(...steps);
    return this;
  }

  /** Forgets mails that were sent, attempts, and what is left of the scripts. */
  clear(): void {
    this.taken.length = 0;
    this.tried.length = 0;
    this.steps.length = 0;
    for (const transport of this.transports.values()) transport.clear();
  }

  /** Makes a transport that ends here. `overrideMail` calls it; two of one name are `name` and `name#2`. */
  addTransport(wanted: string): OutboxTransport {
    let name = wanted;
    for (let n = 2; this.transports.has(name); n += 1) name = `${wanted}#${n}`;
    const transport = new OutboxTransport(name, {
      nextStep: () => this.steps.shift(),
      tried: (attempt) => {
        this.tried.push(attempt);
        if (!attempt.error) this.taken.push(new OutboxMail(attempt.mail));
      },
    });
    this.transports.set(name, transport);
    return transport;
  }

  /** Makes a relay that keeps its mail here. `overrideMail` calls it. */
  addRelay(): MailRelay {
    return new MemoryRelay(this.jobs);
  }

  private held(...states: readonly JobState[]): OutboxMail[] {
    return this.jobs.mailsIn(...states).map((mail) => new OutboxMail(mail));
  }
}

const list = (mails: readonly OutboxMail[]) =>
  mails.map((mail, index) => `  ${index + 1}. ${mail.toString()}`).join('\n');

function fail(message: string): never {
  throw new AssertionError({ message });
}
