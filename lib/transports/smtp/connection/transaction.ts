import type { MailDeliveryError, MailStage, RejectedRecipient } from '../../../base/errors.js';
import type { EnvelopeCommands } from '../protocol/commands.js';
import { EnhancedCodes } from '../protocol/enhanced-codes.js';
import type { Job } from './job.js';
import { OutgoingContent } from '../protocol/outgoing-content.js';
import type { OutputGroup } from '../protocol/output-group.js';
import type { Refusals } from '../protocol/refusals.js';
import type { Reply } from '../protocol/reply.js';
import { type Mode, Step } from '../protocol/step.js';
import type { Trace } from '../protocol/trace.js';

/** The subject of codes of security and policy (RFC 3463 §3.8). */
const POLICY = 7;
const STAGES: readonly MailStage[] = ['mail', 'mail', 'rcpt', 'data', 'data', 'reply'];

/**
 * One mail on one connection: what it has written, what it has been answered, and what that means.
 *
 * `expect` names the command that the next reply answers, `toWrite` what may be written next. `toWrite` runs ahead
 * of `expect` as far as the mode allows: by all of the mail (chunking), to the end of the envelope (pipelining),
 * not at all (lockstep).
 *
 * | expect | reply | then | owed besides |
 * | --- | --- | --- | --- |
 * | reset | 2yz | mail; a probe is done | – |
 * | reset | other | the connection ends it: RSET cannot fail | – |
 * | mail | 2yz | rcpt | a reply for each RCPT that is written |
 * | mail | 421, 4yz on a used connection, 503 when pipelined | turned away: goes over another connection | as above |
 * | mail | other | refused, `failure` is set | as above |
 * | rcpt | 2yz, other | accepted, rejected; after the last: data, or content with chunking | DATA, or content |
 * | data | 354 | content; a lone dot where nobody is to get it; `stuck` where that is no way out | content |
 * | data | 4yz, 5yz | done, `failure` is set | – |
 * | content | 2yz | done, `success` (LMTP: once for each recipient that was accepted) | – |
 * | content | 421 that is no verdict | done, `failure` is `unknown`: the server may have stored it | – |
 * | content | other | done, `failure` is set | – |
 * | any | what fits no row | a text that says what is wrong: the server is out of step | – |
 *
 * Where the connection ends first, `connection-loss.ts` judges by what this shows: a `failure` stands; content that
 * was `complete` and not turned away is `unknown`; all else was not taken and goes again.
 */
export class Transaction {
  /** Its neighbours in the queue of its connection. */
  previous: Transaction | undefined;
  next: Transaction | undefined;
  /** What the next reply answers. */
  expect: Step = Step.mail;
  /** What is to be written next. */
  toWrite: Step = Step.mail;
  /** Why the mail was refused as a whole. */
  failure: MailDeliveryError | undefined;
  /** The server's final words, once it has taken the mail. */
  success: Reply | undefined;
  /** The server wants it over another connection, or in another order: it has not been looked at. */
  turnedAway = false;
  /** Nothing is written behind its content, nor was it written behind another's. */
  alone = false;
  /** Where somebody has asked for it. */
  trace: Trace | undefined;
  /** Content waits until the server has shown that it is alive. */
  hold = false;
  /** The server's state cannot be brought back; the connection has to end. */
  stuck = false;
  /** The server has said yes where there was nothing to say yes to. */
  outcomeUnknown = false;
  /** Replies that were certainly in step carried codes from elsewhere: they tell nothing here. */
  oddCodes = false;
  /** When its envelope and when its last bytes were written, in the clock's monotonic milliseconds. */
  envelopeAt = 0;
  writtenAt = 0;
  readonly accepted: string[] = [];
  readonly rejected: RejectedRecipient[] = [];

  /** Replies that what was written calls for, and those that came. */
  private owed = 0;
  private got = 0;
  private rcptWritten = 0;
  private rcptAnswered = 0;
  /** Recipients that the server has taken the content for (LMTP). */
  private settled = 0;
  private cancelled = false;
  private loneDot = false;
  private mailRefused = false;
  private readonly content: OutgoingContent;
  private readonly codes: EnhancedCodes;

  constructor(
    readonly job: Job,
    readonly mode: Mode,
    private readonly commands: EnvelopeCommands,
    private readonly refusals: Refusals,
    /** Whether replies can be told apart by their enhanced codes (RFC 2034). */
    private readonly checkCodes: boolean,
    /** Content is answered for each recipient that was accepted, in their order (RFC 2033 §4.2). */
    private readonly lmtp = false,
  ) {
    this.content = new OutgoingContent(job.mail.content, mode === 'chunking');
    this.codes = new EnhancedCodes(lmtp);
    if (job.mail.probe) this.resetFirst();
  }

  /** Something has been written. */
  get started(): boolean {
    return this.owed > 0;
  }

  /** Something was answered. */
  get heard(): boolean {
    return this.got > 0;
  }

  /** All that it will ever write has been given to the socket. */
  get written(): boolean {
    return this.toWrite === Step.done;
  }

  /** Content is on its way and not yet complete. */
  get uploading(): boolean {
    return this.content.begun && !this.content.ended;
  }

  /** The content has been given to the socket to its last byte: from here on it may be accepted. */
  get complete(): boolean {
    return this.content.ended;
  }

  /** Its content is written, or will be whole in the next write: the next envelope may go behind it. */
  get leaving(): boolean {
    if (this.content.ended) return true;
    const ready =
      this.expect === Step.content && !this.content.begun && !this.failure && !this.stuck;
    return ready && this.content.short;
  }

  /** A reply to something that was written is still to come. */
  get awaiting(): boolean {
    return this.got < this.owed;
  }

  get done(): boolean {
    return this.toWrite === Step.done && this.got === this.owed;
  }

  /** Answered so that the server cannot have it, whatever was written behind: its MAIL, or all of it, was refused. */
  get senderTurnedAway(): boolean {
    return this.turnedAway && (this.mailRefused || this.done);
  }

  /** How far it came: with its content complete only the reply is open, whatever was answered yet. */
  get stage(): MailStage {
    if (this.content.ended) return 'reply';
    return this.uploading ? 'content' : STAGES[this.expect]!;
  }

  /** Whether the server has certainly left this transaction behind, so that the next needs no RSET. */
  get clean(): boolean {
    if (this.job.mail.probe) return true;
    if (this.mailRefused) return !this.loneDot;
    return this.content.ended && (this.mode !== 'chunking' || this.success !== undefined);
  }

  /** The transaction before may still be open at the server. */
  resetFirst(): void {
    this.expect = Step.reset;
    this.toWrite = Step.reset;
  }

  /** The caller gave up before content began: none will be written. */
  cancel(): void {
    // After DATA only the reply tells whether the connection can be kept.
    if (this.toWrite === Step.content && this.mode !== 'chunking') this.cancelled = true;
    else this.toWrite = Step.done;
  }

  /** Writes what may be written now. Returns whether the next transaction may write behind it. */
  write(group: OutputGroup, now: number): boolean {
    const before = group.length;
    const inEnvelope = !this.content.begun;
    while (this.toWrite !== Step.done && this.mayWrite()) {
      this.writeNext(group);
      if (this.uploading) break;
    }
    if (group.length > before) {
      if (inEnvelope) this.envelopeAt = now;
      this.writtenAt = now;
    }
    return this.written;
  }

  /** Takes a reply. Returns what is wrong with it if the server is out of step. */
  reply(reply: Reply, usedConnection: boolean): string | undefined {
    if (!this.awaiting) return 'a reply came before its command was sent';
    this.got += 1;
    const { kind, code } = reply;
    if (kind === 3 && this.expect !== Step.data) return `an unexpected ${code} reply`;
    if (kind === 2 && this.mode !== 'lockstep' && Math.trunc(code / 10) !== 25) {
      return `an unexpected ${code} reply`;
    }
    if (this.codes.isMisplaced(reply, this.expect)) {
      if (this.checkCodes) return `${reply.enhancedCode ?? ''} was answered out of its place`;
      this.oddCodes = true;
    }
    const problem = this.take(reply, usedConnection);
    // Nobody is left to send content to, and none has been begun: there is no need to.
    if (this.failure && !this.content.begun) {
      const early = this.mode === 'lockstep' && this.toWrite <= Step.data;
      if (early || (this.mode === 'chunking' && this.expect === Step.content))
        this.toWrite = Step.done;
    }
    return problem;
  }

  private take(reply: Reply, usedConnection: boolean): string | undefined {
    switch (this.expect) {
      case Step.reset:
        this.expect = Step.mail;
        if (reply.code === 421) this.turnAway(reply);
        else if (reply.kind === 2 && this.job.mail.probe) this.success = reply;
        return undefined;
      case Step.mail:
        this.expect = Step.rcpt;
        this.onMail(reply, usedConnection);
        return undefined;
      case Step.rcpt:
        return this.onRcpt(reply);
      case Step.data:
        return this.onData(reply);
      case Step.content:
        if (this.lmtp && !this.uploading) return this.onRecipient(reply);
        this.expect = Step.done;
        return this.onFinal(reply);
      case Step.done:
        return 'a reply came that nothing had asked for';
    }
  }

  private mayWrite(): boolean {
    if (this.toWrite === Step.content) {
      if (this.mode === 'chunking') return !this.hold || this.expect > Step.mail;
      return this.expect === Step.content && !this.stuck;
    }
    return this.mode !== 'lockstep' || !this.awaiting;
  }

  private writeNext(group: OutputGroup): void {
    const { commands } = this;
    switch (this.toWrite) {
      case Step.reset:
        this.trace?.command('RSET');
        group.ascii('RSET\r\n');
        this.toWrite = this.job.mail.probe ? Step.done : Step.mail;
        break;
      case Step.mail:
        this.say(group, commands.mail);
        this.toWrite = Step.rcpt;
        break;
      case Step.rcpt:
        this.say(group, commands.rcpt[this.rcptWritten]!);
        this.rcptWritten += 1;
        if (this.rcptWritten === commands.rcpt.length) this.toWrite = this.afterRcpt();
        break;
      case Step.data:
        this.trace?.command('DATA');
        group.ascii('DATA\r\n');
        this.toWrite = Step.content;
        break;
      case Step.content:
        this.writeContent(group);
        return;
      case Step.done:
        return;
    }
    this.owed += 1;
  }

  private say(group: OutputGroup, command: string): void {
    this.trace?.command(command);
    if (this.commands.ascii) group.ascii(command);
    else group.text(command);
  }

  private afterRcpt(): Step {
    return this.mode === 'chunking' ? Step.content : Step.data;
  }

  private writeContent(group: OutputGroup): void {
    if (!this.content.begun) {
      this.owed += this.lmtp ? this.accepted.length : 1;
      if (this.failure && this.mode !== 'chunking') {
        // 354 though nobody is to get it: a lone dot, and what it brings is no success (RFC 2920 §3.1).
        this.loneDot = true;
        group.ascii('.\r\n');
        this.toWrite = Step.done;
        return;
      }
    }
    if (!this.content.begun) this.traceContent();
    this.content.write(group);
    if (this.content.ended) this.toWrite = Step.done;
  }

  private traceContent(): void {
    const { length } = this.job.mail.content;
    if (this.mode === 'chunking') this.trace?.command(`BDAT ${length} LAST`);
    this.trace?.content(length);
  }

  /**
   * 421 wants a new connection. So does 4yz on one that has carried mail: OpenSMTPD, for one, says 452 to the
   * 101st. 503 speaks of the order of commands and never of the mail: Haraka says it to what stands behind
   * content, though RFC 2920 §3.1 allows that.
   */
  private onMail(reply: Reply, usedConnection: boolean): void {
    if (reply.kind === 2) return;
    this.mailRefused = true;
    const { code, kind } = reply;
    const elsewhere = code === 421 || (kind === 4 && usedConnection);
    if (elsewhere || (code === 503 && this.mode !== 'lockstep')) this.turnAway(reply);
    else this.failure ??= this.refusals.of('mail', reply);
  }

  private onRcpt(reply: Reply): string | undefined {
    const { to } = this.job.mail.envelope;
    const address = to[this.rcptAnswered]!;
    this.rcptAnswered += 1;
    const last = this.rcptAnswered === to.length;
    if (last) this.expect = this.afterRcpt();
    if (reply.kind === 2) {
      if (this.mailRefused) return 'a recipient was accepted after the sender was refused';
      this.accepted.push(address);
    } else if (!this.mailRefused) {
      this.rejected.push(this.refusals.recipient(address, reply));
    }
    if (last && this.accepted.length === 0) {
      this.failure ??= this.refusals.everyone(this.rejected);
    }
    return undefined;
  }

  private onData(reply: Reply): string | undefined {
    if (reply.kind === 2) return `DATA was answered with ${reply.code}`;
    if (reply.kind === 3) {
      if (reply.code !== 354 && this.mode !== 'lockstep')
        return `an unexpected ${reply.code} reply`;
      this.expect = Step.content;
      // There is no way back from 354 but content or the end of the connection. A lone dot is for
      // recipients refused; after a sender refused nobody knows what it would send.
      this.stuck = this.cancelled || this.mailRefused;
      return undefined;
    }
    this.failure ??= this.refusals.of('data', reply, this.rejected);
    this.toWrite = Step.done;
    return undefined;
  }

  private onFinal(reply: Reply): string | undefined {
    if (this.loneDot) return undefined;
    if (this.uploading) {
      if (reply.kind === 2) {
        // What it has taken nobody can say.
        this.outcomeUnknown = true;
        return 'content was accepted before its end';
      }
      this.stuck = true;
      this.toWrite = Step.done;
    }
    if (this.isNoVerdict(reply)) {
      this.outcomeUnknown = true;
      this.failure ??= this.refusals.noVerdict(reply);
      return undefined;
    }
    if (reply.kind !== 2) {
      this.failure ??= this.refusals.of('reply', reply, this.rejected);
      return undefined;
    }
    if (this.failure) return 'content was accepted after its envelope was refused';
    this.success = reply;
    return undefined;
  }

  /** What became of the content for the next recipient (LMTP). */
  private onRecipient(reply: Reply): string | undefined {
    const address = this.accepted[this.settled]!;
    if (this.isNoVerdict(reply)) {
      // Whatever is said of the others, nobody knows what became of this one.
      this.settled += 1;
      this.failure ??= this.refusals.noVerdict(reply);
    } else if (reply.kind === 2) {
      this.settled += 1;
      this.success = reply;
    } else {
      this.accepted.splice(this.settled, 1);
      this.rejected.push(this.refusals.recipient(address, reply));
    }
    // Were the connection lost now, be it after 421, nobody could say who has it.
    this.outcomeUnknown = this.awaiting;
    if (this.awaiting) return undefined;
    this.expect = Step.done;
    if (this.accepted.length === 0) this.failure ??= this.refusals.everyone(this.rejected);
    return undefined;
  }

  /**
   * 421 where the reply to complete content stands says that the server closes (RFC 5321 §3.8 lets it say so
   * at any time), not what became of the content: Dovecot has stored it by then. A code of policy (X.7.Z) is
   * a verdict all the same: Gmail refuses content by its rate with 421 4.7.28.
   */
  private isNoVerdict(reply: Reply): boolean {
    if (reply.code !== 421 || !this.content.ended || this.failure) return false;
    return Math.trunc(reply.status / 1_000) % 1_000 !== POLICY;
  }

  private turnAway(reply: Reply): void {
    this.turnedAway = true;
    this.failure = this.refusals.of('mail', reply);
  }
}
