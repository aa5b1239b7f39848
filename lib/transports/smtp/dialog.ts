import type { MailStage } from '../../errors.js';
import type { Channel, ChannelEnd, ChannelOwner } from './channel.js';
import type { SmtpContext } from './context.js';
import { endedAt } from './ended.js';
import type { Reply } from './reply.js';

interface Waiter {
  readonly stage: MailStage;
  readonly cancelDeadline: () => void;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One command at a time over a channel: how a session is opened. Every wait has an absolute deadline. */
export class Dialog implements ChannelOwner {
  private waiter: Waiter | undefined;
  private end: ChannelEnd | undefined;
  /** A 421 that came before it was asked for. */
  private farewell: Reply | undefined;
  private deaf = false;

  constructor(
    private readonly channel: Channel,
    private readonly context: SmtpContext,
    private readonly onStage: (stage: MailStage) => void,
  ) {
    channel.own(this);
  }

  /** From now on nothing that the server says is heard: what follows 220 to STARTTLS is not its word. */
  stopListening(): void {
    this.deaf = true;
  }

  /** Sends a command and answers its reply, whatever that is. */
  command(line: string, stage: MailStage, deadlineMs: number, last = false): Promise<Reply> {
    if (/[\r\n\0]/.test(line)) throw new TypeError('an SMTP command cannot hold CR, LF or NUL');
    const reply = this.next(stage, deadlineMs, last);
    this.channel.write([Buffer.from(`${line}\r\n`)]);
    return reply;
  }

  /** The next reply. With `last`, whatever comes after it is thrown away unread. */
  next(stage: MailStage, deadlineMs: number, last = false): Promise<Reply> {
    this.onStage(stage);
    const promise = new Promise<Reply>((resolve, reject) => {
      const cancelDeadline = this.context.clock.after(deadlineMs, () => {
        this.channel.end({ kind: 'timeout', ms: deadlineMs });
      });
      this.waiter = {
        stage,
        cancelDeadline,
        resolve: (reply) => {
          if (last && reply.kind === 2) this.stopListening();
          resolve(reply);
        },
        reject,
      };
    });
    if (this.end) this.ended(this.end);
    else if (this.farewell) this.reply(this.farewell);
    return promise;
  }

  reply(reply: Reply): void {
    if (this.deaf) return;
    const { waiter } = this;
    if (waiter) {
      this.waiter = undefined;
      waiter.cancelDeadline();
      waiter.resolve(reply);
    } else if (reply.code === 421) {
      this.farewell = reply;
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
    waiter.reject(endedAt(end, waiter.stage, this.context.errors));
  }
}
