import type { MailStage } from '../../errors.js';
import type { ReplyCounter } from './reply-counter.js';

/** What the reply that was read last answered. */
export interface LoggedReply {
  readonly stage: MailStage;
  readonly text: string;
}

const STAGE_OF_VERB: Readonly<Record<string, MailStage>> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  STARTTLS: 'starttls',
  AUTH: 'auth',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  RSET: 'mail',
};

/**
 * Follows a session through nodemailer's transaction log, the one public place where it tells how
 * far it has come: which commands wait for their reply, and when the last byte of the content was
 * written. Nothing of the log is kept or passed on, for it names the user.
 */
export class SessionLog {
  /** Stages of the commands whose replies are due, oldest first. */
  private readonly due: MailStage[] = ['greeting'];
  private last: MailStage = 'greeting';
  /** The lines of the last EHLO reply. */
  capabilities: readonly string[] = [];
  reply: LoggedReply | undefined;
  /** Replies read over the whole session. */
  replies = 0;
  /** What has arrived on the socket, once it is watched. */
  received: ReplyCounter | undefined;
  /** Whether the final dot of the current mail has been written. */
  contentComplete = false;

  /** `onProgress` is called when another reply becomes the one that is waited for. */
  constructor(private readonly onProgress: () => void) {}

  /** Whether more replies have arrived than there were commands to reply to. */
  get ahead(): boolean {
    return this.received !== undefined && this.received.count > this.replies;
  }

  get stage(): MailStage {
    return this.due[0] ?? this.last;
  }

  /** nodemailer's logger contract: one method a level, the entry first. */
  readonly logger = {
    trace: ignore,
    debug: (entry: { tnx?: string }, text: unknown) => {
      if (entry.tnx === 'client') this.command(String(text));
      else if (entry.tnx === 'server') this.replied(String(text));
    },
    info: (entry: { tnx?: string }) => {
      // Logged when the content stream has ended, its final dot included.
      if (entry.tnx === 'message') this.written();
    },
    warn: ignore,
    error: ignore,
    fatal: ignore,
  };

  private command(line: string): void {
    if (this.due[0] === 'content') {
      // A lone dot ends an empty content that every recipient was refused for.
      this.due[0] = 'rcpt';
      return;
    }
    const verb = /^[A-Z]+(?= |$)/.exec(line)?.[0] ?? '';
    const stage = this.last === 'auth' ? 'auth' : (STAGE_OF_VERB[verb] ?? this.last);
    if (verb === 'MAIL') this.contentComplete = false;
    this.push(stage);
  }

  private push(stage: MailStage): void {
    this.due.push(stage);
    this.last = stage;
    if (this.due.length === 1) this.onProgress();
  }

  private replied(text: string): void {
    // nodemailer logs the rest of a reply that the end of the connection cut short.
    if (this.received && this.replies >= this.received.count) return;
    const stage = this.due.shift() ?? this.last;
    this.replies += 1;
    this.reply = { stage, text };
    if (stage === 'ehlo') this.capabilities = text.startsWith('2') ? text.split(/\r?\n/) : [];
    if (stage === 'data' && text.startsWith('3')) this.push('content');
    else this.onProgress();
  }

  private written(): void {
    this.contentComplete = true;
    if (this.due[0] === 'content') this.due[0] = 'reply';
    this.onProgress();
  }

  /** Whether the last EHLO offered `keyword`; answers its parameters. */
  capability(keyword: string): string | undefined {
    const line = this.capabilities
      .slice(1)
      .map((text) => text.slice(4).trim())
      .find((text) => text.split(' ')[0]!.toUpperCase() === keyword);
    return line?.slice(keyword.length).trim();
  }

  /** What begins now, before its first command is sent. */
  enter(stage: 'auth' | 'mail'): void {
    this.last = stage;
  }
}

function ignore(): void {
  return;
}
