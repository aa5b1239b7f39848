import { debugLog } from '../../../base/debug-log.js';
import type { Reply } from './reply.js';

/** Longest line of a trace, in characters. */
const MAX_LINE = 500;
let sessions = 0;

/** One session as `NODE_DEBUG=nestjs-mail-relay` shows it: commands and replies, without secrets and content. */
export class Trace {
  private readonly label: string;
  /** What the next reply says is not shown: a challenge of AUTH. */
  private private = false;

  private constructor(
    transport: string,
    private readonly redact: (text: string) => string,
    private readonly log: (line: string) => void,
  ) {
    sessions += 1;
    this.label = `${transport} #${sessions}`;
  }

  /** Undefined where nobody has asked for it. */
  static begin(transport: string, redact?: (text: string) => string): Trace | undefined {
    return debugLog && new Trace(transport, redact ?? ((text) => text), debugLog);
  }

  /** A command of the envelope, or of the opening outside AUTH. */
  command(line: string): void {
    this.private = false;
    this.line('C', this.redact(line.trimEnd()));
  }

  /** A line of AUTH: only the mechanism is shown. */
  secret(line: string): void {
    this.private = true;
    const mechanism = /^AUTH [\w-]+/.exec(line)?.[0];
    this.line('C', mechanism === undefined ? '[secret]' : `${mechanism} [secret]`);
  }

  content(bytes: number): void {
    this.line('C', `[content, ${bytes} bytes]`);
  }

  reply(reply: Reply): void {
    const { code } = reply;
    this.line('S', this.private && code === 334 ? '334 [secret]' : reply.said(this.redact).text);
  }

  /** What happened to the connection. */
  event(what: string): void {
    this.line('-', what);
  }

  private line(who: string, what: string): void {
    this.log(`${this.label} ${who}: ${what.slice(0, MAX_LINE)}`);
  }
}
