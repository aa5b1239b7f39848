import { Alarm, type Limit } from './alarm.js';
import { Unconfirmed } from './unconfirmed.js';
import type { Channel, ChannelEnd, ChannelOwner } from '../protocol/channel.js';
import type { Capabilities } from '../protocol/capabilities.js';
import { envelopeCommands } from '../protocol/commands.js';
import type { SmtpContext } from '../session/context.js';
import { limitOf } from './deadlines.js';
import { settleLoss, type ReturnedJob } from './connection-loss.js';
import type { Job, JobHolder } from './job.js';
import { OutputGroup } from '../protocol/output-group.js';
import { Refusals } from '../protocol/refusals.js';
import type { Reply } from '../protocol/reply.js';
import type { Session } from '../session/session.js';
import { settle } from './settle.js';
import { type Mode, Step } from '../protocol/step.js';
import { Transaction } from './transaction.js';
import { TransactionQueue } from './transaction-queue.js';

/** Past this much content without its reply a connection takes no more, unless it is idle. */
export const MAX_BYTES_IN_FLIGHT = 1_048_576;
/** One write collects about this much. */
const GROUP_BYTES = 196_608;
/** After this long without a word the server may have gone: content waits for its first reply. */
const TRUST_MS = 1_000;
/** TCP, greeting, EHLO, STARTTLS, TLS, EHLO, AUTH: what a session costs at most, and one to spare. */
const OPENING_ROUND_TRIPS = 8;
/** How long the server's end may take: after our QUIT, or after the server's 421. */
const CLOSING_MS = 2_000;

/** What a connection has to know of its server, and has to tell of it. */
export interface ServerLessons {
  /** Whether a mail may be written behind the content of the one before. */
  readonly behindContent: boolean;
  readonly mailsPerConnection: number;
  /** RSETs behind mails that were not accepted, before the server closes the connection. */
  readonly resets: number;
  outOfStep(): void;
  orderRefused(said: string, wasAlone: boolean): void;
  turnedAway(mails: number, said: string): void;
  resetRefused(count: number, said: string): void;
}

/** What a connection tells its pool. */
export interface ConnectionHost {
  /** How mails may share a connection to this server now. */
  modeFor(capabilities: Capabilities): Mode;
  /** A connection is due: give it what there is room for and flush it, in this turn of the event loop. */
  attend(): void;
  /** What is known of the server, and what it teaches. */
  readonly limits: ServerLessons;
  /** The server has taught something about how mails may share a connection. */
  steppedDown(capabilities: Capabilities): void;
  /** Whether its enhanced codes say what is answered. */
  enhancedCodesReliable: boolean;
  /** The connection is over. `returned` were surely not accepted, in their order, with what ended each. */
  gone(connection: Connection, returned: readonly ReturnedJob[]): void;
}

/** The transactions of one session: writes what may be written, settles what is answered. */
export class Connection implements ChannelOwner, JobHolder {
  /** Mails taken on so far. */
  taken = 0;
  /** It was attended to in this turn of the event loop, and has not been flushed since. */
  due = false;
  private readonly inFlight = new TransactionQueue();
  private bytes = 0;
  /** Whether the transaction answered last has left nothing open at the server. */
  private clean = true;
  /** Transactions that came to their end here. */
  private finished = 0;
  /** Those of them that the server accepted: the connection has carried mail. */
  private carried = 0;
  /** Mails that were not accepted; the RSET behind each may be one that the server counts. */
  private refusedMails = 0;
  /** A whole reply was in the read being worked on: dripped bytes put no deadline off. */
  private spoken = false;
  private readonly unconfirmed = new Unconfirmed((one) => {
    this.settle(one);
  });
  /** Answered with 421 before they were looked at; they go back once the connection has ended. */
  private readonly turnedAway: Transaction[] = [];
  private state: 'open' | 'retiring' | 'quitting' | 'over' = 'open';
  /** The server said 421: it is closing. */
  private closingReply: Reply | undefined;
  /** Since then it has agreed to nothing: what was not answered was not taken. */
  private refusing = false;
  private limitTold = false;
  /** Why this connection takes no more, though the server would keep it open: 4yz or 503 to MAIL. */
  private retiredBy: Reply | undefined;
  /** An abandoned, half-written content is on the wire: nothing may follow it. */
  private severed = false;
  /** Since when the reply that is waited for is the next one; or since when nothing is waited for. */
  private since: number;
  private readonly alarm: Alarm;
  private readonly group = new OutputGroup();
  private readonly channel: Channel;
  private readonly refusals: Refusals;
  private readonly capabilities: Capabilities;

  constructor(
    session: Session,
    private readonly context: SmtpContext,
    private readonly host: ConnectionHost,
  ) {
    this.refusals = new Refusals(context.errors, context.credentials?.redact ?? unchanged);
    this.channel = session.channel;
    this.capabilities = session.capabilities;
    this.since = context.clock.monotonic();
    this.alarm = new Alarm(
      context.clock,
      () => this.limit(),
      (ms) => {
        this.overdue(ms);
      },
    );
    this.channel.own(this);
    this.alarm.arm();
  }

  get outstanding(): number {
    return this.inFlight.size;
  }

  /** It takes no mail any more, whatever happens. */
  get spent(): boolean {
    if (this.state !== 'open' || this.severed || this.left <= 0) return true;
    return this.closingReply !== undefined || this.retiredBy !== undefined;
  }

  /** It will be spent before a session opened now could take its place with a round trip in hand. */
  get nearingLimit(): boolean {
    if (this.spent) return true;
    const { maxInFlight } = this.context.options.pool;
    const each = this.host.modeFor(this.capabilities) === 'chunking' ? maxInFlight : 1;
    const { most } = this;
    if (this.left <= Math.min(OPENING_ROUND_TRIPS * each, most / 2)) return true;
    return this.refusedMails > this.host.limits.resets / 4;
  }

  /** How many more mails it could carry, were it not busy writing. */
  room(): number {
    if (this.spent) return 0;
    const { inFlight } = this;
    const { limits } = this.host;
    const mode = this.host.modeFor(this.capabilities);
    const last = inFlight.tail;
    // Each mail under way may be refused, and the RSET behind it be one too many.
    const unharmed = limits.resets - this.refusedMails + 1;
    const left = Math.min(this.left, unharmed - inFlight.size);
    const maxInFlight = Math.min(this.context.options.pool.maxInFlight, unharmed);
    if (!last) return mode === 'chunking' ? Math.min(maxInFlight, left) : 1;
    if (!limits.behindContent) return 0;
    if (last.mode !== mode || mode === 'lockstep' || inFlight.size >= maxInFlight) return 0;
    if (mode === 'pipelining') return last.leaving && inFlight.size < 2 ? 1 : 0;
    const next = inFlight.unsent;
    if (next && (next.started || next.hold)) return 0;
    if (this.bytes >= MAX_BYTES_IN_FLIGHT) return 0;
    return Math.min(maxInFlight - inFlight.size, left);
  }

  /** How many mails it would write at once now. */
  capacity(): number {
    return this.channel.writing ? 0 : this.room();
  }

  /** Takes a mail on; `flush` writes it. A mail that this server cannot take is settled at once. */
  accept(job: Job): void {
    const { capabilities, inFlight, refusals } = this;
    let transaction: Transaction;
    try {
      const commands = envelopeCommands(this.context.errors, job.mail, capabilities);
      const mode = this.host.modeFor(capabilities);
      const { lmtp } = this.context.options;
      const checkCodes =
        mode !== 'lockstep' && capabilities.enhancedCodes && this.host.enhancedCodesReliable;
      transaction = new Transaction(job, mode, commands, refusals, checkCodes, lmtp);
      transaction.trace = this.channel.trace;
      transaction.alone = !this.host.limits.behindContent;
    } catch (error) {
      job.reject(error);
      return;
    }
    if (inFlight.size === 0) {
      const now = this.context.clock.monotonic();
      transaction.hold = now - this.since > TRUST_MS;
      this.since = now;
    }
    if (!job.mail.probe) this.taken += 1;
    this.bytes += job.mail.content.length;
    inFlight.push(transaction);
    job.holder = this;
  }

  /** Writes all that may be written, in one go. */
  flush(): void {
    this.due = false;
    if (this.state === 'over') return;
    this.send();
    this.quitIfIdle();
    this.alarm.arm();
  }

  private send(): void {
    const { inFlight, group, channel } = this;
    if (channel.writing || this.severed || this.closingReply || this.retiredBy) return;
    let one = inFlight.unsent;
    if (!one) return;
    const now = this.context.clock.monotonic();
    group.reset();
    while (one && group.length < GROUP_BYTES) {
      if (!one.started && this.needsReset(one)) one.resetFirst();
      if (!one.write(group, now)) break;
      one = inFlight.advance();
    }
    if (group.length > 0) channel.write(group.take());
  }

  /** Finishes what it carries, then says QUIT. */
  retire(): void {
    if (this.state === 'open') this.state = 'retiring';
    this.quitIfIdle();
  }

  /** Ends it at once: what may have been accepted is `unknown`. */
  destroy(reason?: unknown): void {
    this.channel.end({ kind: 'closed', reason });
  }

  abandon(job: Job): void {
    const { inFlight } = this;
    const transaction = inFlight.find(job);
    if (!transaction) {
      const away = this.turnedAway.some((one) => one.job === job);
      if (away) job.reject(this.context.errors.aborted('mail', job.signal?.reason));
      else this.unconfirmed.tellOf(job);
      return;
    }
    const stage = transaction.failure ? 'mail' : transaction.stage;
    job.reject(this.context.errors.aborted(stage, job.signal?.reason));
    if (inFlight.size === 1) {
      // Nobody else is on it: the attempt is stopped for real.
      this.channel.end({ kind: 'closed' });
      return;
    }
    // The others come first: what is complete takes its course, and its reply is nobody's any more.
    if (transaction.complete) return;
    if (transaction.uploading) {
      this.severed = true;
    } else if (transaction.started) {
      transaction.cancel();
      if (transaction.written && inFlight.unsent === transaction) inFlight.advance();
    } else {
      inFlight.remove(transaction);
      this.bytes -= job.mail.content.length;
    }
    this.onward();
  }

  reply(reply: Reply): void {
    if (this.state === 'quitting') {
      // The server closes after its 221; the deadline stands if it does not.
      this.channel.finish();
      return;
    }
    this.spoken = true;
    const transaction = this.inFlight.head;
    const resetting = transaction?.expect === Step.reset;
    if (reply.code === 421) {
      this.closingReply = reply;
      this.refusing = true;
    } else if (reply.kind < 4 && !resetting) {
      this.refusing = false;
    }
    // The server may say so at any time (RFC 5321 §3.8).
    if (this.closingReply && !transaction?.awaiting) {
      this.leave();
      return;
    }
    if (!transaction) {
      this.breakOff('a reply came that nothing had asked for');
      return;
    }
    const before = transaction.turnedAway;
    const problem = transaction.reply(reply, this.carried > 0);
    if (problem !== undefined) {
      this.breakOff(problem);
      return;
    }
    if (resetting && reply.kind !== 2 && reply.code !== 421) {
      this.resetRefused(reply);
      return;
    }
    if (transaction.turnedAway && !before) this.turnAway(transaction, reply);
    this.collect();
  }

  batchEnd(): void {
    if (!this.spoken) return;
    this.spoken = false;
    this.since = this.context.clock.monotonic();
    this.onward();
  }

  written(): void {
    this.onward();
  }

  ended(end: ChannelEnd): void {
    this.state = 'over';
    this.alarm.stop();
    const { inFlight } = this;
    const final421 = this.refusing ? this.closingReply : undefined;
    const { errors } = this.context;
    const how = { end, final421, fresh: this.finished === 0, errors, refusals: this.refusals };
    const returned: ReturnedJob[] = [];
    const drop = (one: Transaction, first: boolean): void => {
      const back = settleLoss(one, first, how);
      if (back) returned.push(back);
    };
    for (const one of this.unconfirmed.takeAll()) {
      // Where the server is out of step, what it seemed to say in the same breath is worth nothing.
      if (end.kind === 'protocol' && one.mode !== 'lockstep') drop(one, false);
      else this.settle(one);
    }
    for (const one of this.turnedAway) drop(one, true);
    for (let first = true, one = inFlight.head; one; first = false, one = inFlight.head) {
      inFlight.remove(one);
      drop(one, first);
    }
    this.host.gone(this, returned);
  }

  /** How many mails it may carry: what the options and the server allow. */
  private get most(): number {
    const { maxMessages } = this.context.options.pool;
    return Math.min(
      maxMessages === 0 ? Infinity : maxMessages,
      this.host.limits.mailsPerConnection,
    );
  }

  /** How many mails it may take yet before it is replaced. */
  private get left(): number {
    // Not to the last RSET that the server allows: the window would be one mail wide by then.
    if (this.refusedMails > this.host.limits.resets / 2) return 0;
    return this.most - this.taken;
  }

  private needsReset({ previous: before }: Transaction): boolean {
    // Behind a final dot the transaction is over whatever the reply (RFC 5321 §4.1.1.4); behind BDAT
    // only after a good one, and a server that kept it open would give the next mail's content to
    // the recipients of this one.
    if (before) return !(before.mode !== 'chunking' && before.complete);
    return !this.clean;
  }

  /** Takes finished transactions from the head. */
  private collect(): void {
    const { inFlight } = this;
    for (let { head } = inFlight; head?.done === true; { head } = inFlight) {
      inFlight.remove(head);
      this.bytes -= head.job.mail.content.length;
      this.clean = head.clean;
      if (head.turnedAway) {
        this.turnedAway.push(head);
      } else {
        this.finished += 1;
        if (head.success) this.carried += 1;
        else this.refusedMails += 1;
        this.unconfirmed.add(head);
      }
      if (head.stuck) this.severed = true;
    }
  }

  private settle(one: Transaction): void {
    if (one.oddCodes) this.host.enhancedCodesReliable = false;
    settle(one, this.context.errors, this.refusals.redact);
  }

  /** Takes the next step, whatever has just happened. */
  private onward(): void {
    if (this.state === 'over') return;
    this.collect();
    this.unconfirmed.tellSure(this.inFlight.head);
    const { head } = this.inFlight;
    const closing = this.severed || this.closingReply !== undefined || this.retiredBy !== undefined;
    const mute = !head || (!head.awaiting && closing);
    if ((closing && mute) || head?.stuck === true || this.cutOff(head)) {
      this.leave();
      return;
    }
    this.due = true;
    this.host.attend();
  }

  /** The half-written content that nothing may follow has come to the head: no reply is worth waiting for. */
  private cutOff(head: Transaction | undefined): boolean {
    const nothingFollows = this.severed || this.retiredBy !== undefined;
    return nothingFollows && head?.uploading === true;
  }

  private breakOff(problem: string): void {
    if (this.host.modeFor(this.capabilities) !== 'lockstep') {
      this.host.limits.outOfStep();
      this.host.steppedDown(this.capabilities);
    }
    this.channel.end({ kind: 'protocol', problem });
  }

  /** The server wants this mail over another connection, or in another order. */
  private turnAway({ alone }: Transaction, reply: Reply): void {
    const { limits } = this.host;
    const { text } = reply.said(this.refusals.redact);
    if (reply.code === 503) {
      limits.orderRefused(text, alone);
      this.host.steppedDown(this.capabilities);
    } else if (!this.limitTold) {
      this.limitTold = true;
      limits.turnedAway(this.finished, text);
    }
    if (reply.code !== 421) this.retiredBy ??= reply;
  }

  /**
   * RSET cannot fail (RFC 5321 §4.1.1.5): a server that refuses it has had enough of this connection. What it
   * answered before stands; what was written behind is judged as after any lost connection.
   */
  private resetRefused(reply: Reply): void {
    const { text } = reply.said(this.refusals.redact);
    // After it has turned mails away, what it makes of the rest is no lesson.
    if (!this.closingReply && !this.retiredBy) {
      this.host.limits.resetRefused(this.refusedMails, text);
    }
    this.channel.end({ kind: 'lost', cause: new Error(`RSET was refused: ${text}`) });
  }

  private quitIfIdle(): void {
    if (this.state === 'open' && this.left <= 0) this.state = 'retiring';
    if (this.state !== 'retiring' || this.inFlight.size > 0 || this.channel.writing) return;
    this.state = 'quitting';
    this.channel.trace?.command('QUIT');
    this.since = this.context.clock.monotonic();
    this.channel.write([Buffer.from('QUIT\r\n')]);
    this.alarm.arm();
  }

  /** Since when, and for how long at most, the state of now may last. */
  private limit(): Limit {
    const { timeouts, pool } = this.context.options;
    const { since } = this;
    if (this.state === 'quitting' || this.closingReply) return [since, CLOSING_MS];
    const { head } = this.inFlight;
    if (!head) return [since, pool.idleTimeoutMs];
    return limitOf(head, since, timeouts);
  }

  private overdue(ms: number): void {
    if (this.inFlight.size > 0 && !this.closingReply) this.channel.end({ kind: 'timeout', ms });
    else if (this.state === 'open' && !this.closingReply) this.retire();
    else this.leave();
  }

  /** Nothing more is to come of it. After 421 the server has left, not we. */
  private leave(): void {
    const { closingReply, retiredBy } = this;
    if (retiredBy && !closingReply && !this.severed && !this.channel.writing) this.channel.part();
    this.channel.end({ kind: closingReply || retiredBy ? 'lost' : 'closed' });
  }
}

function unchanged(text: string): string {
  return text;
}
