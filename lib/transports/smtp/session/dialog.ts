import type { MailStage } from '../../../base/errors.js';
import type { Channel, ChannelEnd, ChannelOwner } from '../protocol/channel.js';
import type { SmtpContext } from './context.js';
import { channelEndError } from '../protocol/channel-end-error.js';
import type { Reply } from '../protocol/reply.js';

interface Waiter {
  readonly stage: MailStage;
  readonly cancelDeadline: () => void;
  /** Absent where it is not the server that is waited for. */
  readonly resolve?: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One command at a time over a channel: how a session is opened. Every wait has an absolute deadline. */
export class Dialog implements ChannelOwner {
  private waiter: Waiter | undefined;
  private end: ChannelEnd | undefined;
  /** A 421 that came before it was asked for. */
  private closingReply: Reply | undefined;
  private stage: MailStage = 'greeting';

  constructor(
    private readonly channel: Channel,
    private readonly context: SmtpContext,
    private readonly onStage: (stage: MailStage) => void,
  ) {
    channel.own(this);
  }

  /**
   * Sends a command and returns its reply, whatever that is. A reply with the code `lastCode` is the
   * last: what follows 220 to STARTTLS is not the server's word, and is not even read.
   */
  command(line: string, stage: MailStage, deadlineMs: number, lastCode?: number): Promise<Reply> {
    if (/[\r\n\0]/.test(line)) throw new TypeError('an SMTP command cannot hold CR, LF or NUL');
    const { trace } = this.channel;
    if (stage === 'auth') trace?.secret(line);
    else trace?.command(line);
    const reply = this.next(stage, deadlineMs, lastCode);
    this.channel.write([Buffer.from(`${line}\r\n`)]);
    return reply;
  }

  /** The next reply. */
  next(stage: MailStage, deadlineMs: number, lastCode?: number): Promise<Reply> {
    this.begin(stage);
    const promise = new Promise<Reply>((resolve, reject) => {
      const cancelDeadline = this.context.clock.after(deadlineMs, () => {
        this.channel.end({ kind: 'timeout', ms: deadlineMs });
      });
      this.waiter = {
        stage,
        cancelDeadline,
        resolve: (reply) => {
          if (reply.code === lastCode) this.channel.detach();
          resolve(reply);
        },
        reject,
      };
    });
    if (this.end) this.ended(this.end);
    else if (this.closingReply) this.reply(this.closingReply);
    return promise;
  }

  /** What comes of `work`. Fails when the channel ends first, and with `late()` at the deadline. */
  during<T>(work: Promise<T>, stage: MailStage, deadlineMs: number, late: () => Error): Promise<T> {
    this.begin(stage);
    return new Promise<T>((resolve, reject) => {
      const cancelDeadline = this.context.clock.after(deadlineMs, () => {
        this.waiter = undefined;
        reject(late());
      });
      this.waiter = { stage, cancelDeadline, reject };
      const over = (): void => {
        cancelDeadline();
        this.waiter = undefined;
      };
      work.then(
        (value) => {
          over();
          resolve(value);
        },
        (error: unknown) => {
          over();
          reject(error);
        },
      );
      if (this.end) this.ended(this.end);
    });
  }

  /**
   * The session is open.
   * @throws MailDeliveryError when the server has said more than it was asked: it is over already.
   */
  finish(redact: (text: string) => string): void {
    const { end, closingReply, stage } = this;
    const { errors } = this.context;
    if (end) throw channelEndError(end, stage, errors);
    if (closingReply) throw errors.refused(stage, closingReply.said(redact));
  }

  reply(reply: Reply): void {
    const { waiter } = this;
    if (waiter?.resolve) {
      this.waiter = undefined;
      waiter.cancelDeadline();
      waiter.resolve(reply);
    } else if (reply.code === 421) {
      this.closingReply = reply;
    } else {
      this.channel.end({ kind: 'protocol', problem: 'a reply came that nothing had asked for' });
    }
  }

  batchEnd(): void {
    // Replies are handled one by one.
  }

  written(): void {
    // The next command is only written after the reply to this one.
  }

  ended(end: ChannelEnd): void {
    this.end = end;
    const { waiter } = this;
    if (!waiter) return;
    this.waiter = undefined;
    waiter.cancelDeadline();
    waiter.reject(channelEndError(end, waiter.stage, this.context.errors));
  }

  private begin(stage: MailStage): void {
    this.stage = stage;
    this.onStage(stage);
  }
}
