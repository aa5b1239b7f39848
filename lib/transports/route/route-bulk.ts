import { MailError } from '../../base/errors.js';
import type { MailBulkEntry } from '../../message/bulk.js';
import type { Mail } from '../../message/mail.js';
import { asMailError } from '../attempt.js';
import { singleMail } from '../single-mail.js';
import type {
  MailBulkDelivery,
  MailBulkOptions,
  MailBulkTransport,
  MailHop,
} from '../transport.js';
import { verdictOf } from './faults.js';
import type { Gate } from './gate.js';
import { failedHop, hopOf, type HopTimes } from './hop.js';
import { RouteAttempts } from './route-attempts.js';
import type { RouteMember } from './route-member.js';
import type { RouteMembers } from './route-members.js';

/** One recipient's mail on its way. */
interface Part {
  readonly entry: MailBulkEntry;
  readonly attempts: RouteAttempts;
  outcome?: MailBulkDelivery;
}

/**
 * Many mails over a route. Each goes by the rules of a single one; those with the same transports before them
 * go together, in few requests where the transport can.
 */
export class RouteBulk implements MailBulkTransport {
  readonly size: number;

  constructor(
    private readonly members: RouteMembers,
    private readonly gate: Gate,
  ) {
    this.size = Math.max(...members.all.map(({ transport }) => transport.bulk?.size ?? 1));
  }

  async deliver(
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]> {
    const parts = entries.map((entry): Part => {
      const tell = options.onHop && ((hop: MailHop) => options.onHop?.(entry, hop));
      return { entry, attempts: new RouteAttempts(this.members, entry.id, tell) };
    });
    try {
      await this.gate.run(() => this.carry(shared, parts, options));
    } catch (error) {
      // Closed: nothing was sent.
      for (const part of parts) part.outcome ??= asMailError(error, this.members.name);
    }
    return parts.map(({ outcome }) => outcome!);
  }

  private async carry(
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    const { signal } = options;
    for (;;) {
      const open = parts.filter(({ outcome }) => !outcome);
      const [first] = open;
      if (!first) return;
      const { left } = first.attempts;
      const group = open.filter(({ attempts }) => isSame(attempts.left, left));
      const member = await this.members.next(left, signal, true);
      if (member) await this.over(member, shared, group, options);
      else for (const part of group) this.end(part, signal);
    }
  }

  private async over(
    member: RouteMember,
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    const measure = member.inBulk.latency.begin(parts.length);
    const size = member.transport.bulk?.size ?? 1;
    const legs = member.transport.bulk
      ? chunks(parts, size).map((batch) => this.together(member, shared, batch, options))
      : parts.map((part) => this.alone(member, shared, part, options));
    await Promise.all(legs);
    measure(parts.some(({ outcome }) => outcome && !(outcome instanceof MailError)));
  }

  /** As few requests as the transport's own. They count as one attempt for its breaker. */
  private async together(
    member: RouteMember,
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    // Others took the one place of a transport on trial; the choice is made again.
    if (!member.breaker.admits) return;
    const { signal } = options;
    const attemptsOf = new Map(parts.map(({ entry, attempts }) => [entry, attempts]));
    const onHop: MailBulkOptions['onHop'] = (entry, hop) => attemptsOf.get(entry)?.tell(hop);
    const settle = member.begin(false);
    const times = this.members.timer();
    const entries = parts.map(({ entry }) => entry);
    const outcomes = await this.settled(member, shared, entries, { ...options, onHop });
    const error = faultOf(outcomes);
    settle(error && { error, aborted: this.members.stopped(signal) });
    parts.forEach((part, index) => {
      const outcome = outcomes[index]!;
      // A route within this one tells its own hops.
      if (!member.transport.transports) part.attempts.tell(toHop(member, times(), outcome));
      this.conclude(member, part, outcome, signal);
    });
  }

  /** A transport of the user's own may break the contract; its place and every mail are settled even so. */
  private async settled(
    member: RouteMember,
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]> {
    let outcomes: readonly MailBulkDelivery[] = [];
    let failure: unknown = new Error('it said nothing of the mail');
    try {
      outcomes = await member.transport.bulk!.deliver(shared, entries, options);
    } catch (error) {
      failure = error;
    }
    return entries.map((_, index) => outcomes[index] ?? asMailError(failure, member.name));
  }

  private alone(
    member: RouteMember,
    shared: Mail,
    part: Part,
    { signal, limit }: MailBulkOptions,
  ): Promise<void> {
    return limit(async () => {
      // Much may have changed while the mail waited for its turn; the choice is made again.
      if (!member.breaker.admits || this.members.stopped(signal)) return;
      let outcome: MailBulkDelivery;
      try {
        const mail = singleMail(shared, part.entry);
        outcome = await this.members.attempt(member, mail, { signal, onHop: part.attempts.tell });
      } catch (error) {
        outcome = asMailError(error, member.name);
      }
      this.conclude(member, part, outcome, signal);
    });
  }

  private conclude(
    member: RouteMember,
    part: Part,
    outcome: MailBulkDelivery,
    signal: AbortSignal | undefined,
  ): void {
    if (!(outcome instanceof MailError)) part.outcome = part.attempts.carried(member, outcome);
    else if (!part.attempts.failed(member, outcome, signal)) this.end(part, signal);
  }

  private end(part: Part, signal: AbortSignal | undefined): void {
    part.outcome = asMailError(part.attempts.end(signal), this.members.name);
  }
}

/** What a bulk says against its transport: nothing where that took a mail, or refused one for its own sake. */
function faultOf(outcomes: readonly MailBulkDelivery[]): MailError | undefined {
  let fault: MailError | undefined;
  for (const outcome of outcomes) {
    const verdict = outcome instanceof MailError ? verdictOf(outcome) : 'up';
    if (verdict === 'up') return undefined;
    if (!fault || verdict === 'down') fault = outcome as MailError;
  }
  return fault;
}

function toHop(member: RouteMember, times: HopTimes, outcome: MailBulkDelivery): MailHop {
  return outcome instanceof MailError
    ? failedHop(member, times, outcome)
    : hopOf(member, times, outcome);
}

function isSame(a: ReadonlySet<RouteMember>, b: ReadonlySet<RouteMember>): boolean {
  return a === b || (a.size === b.size && [...a].every((member) => b.has(member)));
}

function chunks<T>(all: readonly T[], size: number): (readonly T[])[] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, i) => all.slice(i * size, (i + 1) * size));
}
