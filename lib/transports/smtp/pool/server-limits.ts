import { Logger } from '@nestjs/common';
import type { Clock } from '../../../base/clock.js';
import type { Mode } from '../protocol/step.js';

/** How long a server that lost count of its replies gets one command at a time. */
const LOCKSTEP_MS = 600_000;
/** How long any other lesson is remembered. */
const REMEMBER_MS = 3_600_000;
/**
 * Exim takes 10 RSETs that follow no accepted mail (`smtp_accept_max_nonmail`), and closes the connection at
 * the next. It says who it is, so that no mail has to be lost to learn that; two are kept in hand.
 */
const EXIM_RESETS = 8;
/** What takes its time is not counted to the last one. */
const FEWEST_RESETS = 1;

/** How closely mails may share a connection, from the closest. */
const LEVELS = ['shared', 'alone', 'lockstep'] as const;
type Level = (typeof LEVELS)[number];

const WORDS: Record<Level, string> = {
  shared: 'many mails without waiting',
  alone: 'one mail at a time, nothing behind its content,',
  lockstep: 'one command at a time',
};

/**
 * What the transport has learned of its server, from what it said: each lesson makes mails share a connection
 * less closely, or connections carry fewer of them. It is remembered for a while and told to the log once.
 */
export class ServerLimits {
  private readonly logger = new Logger('MailSmtp');
  private level: Level = 'shared';
  private levelUntil = -Infinity;
  /** Mails that a connection may carry, as two connections have shown. */
  private mails = Infinity;
  private mailsUntil = -Infinity;
  /** After how many mails the connection before was turned away. */
  private sighted: number | undefined;
  private resetsAllowed = Infinity;
  private readonly told = new Set<string>();

  constructor(
    private readonly server: string,
    private readonly clock: Clock,
  ) {}

  /** How mails may share a connection, where the server's offer alone would allow `offered`. */
  modeFor(offered: Mode): Mode {
    const level = this.now();
    if (level === 'lockstep') return 'lockstep';
    return level === 'alone' && offered === 'chunking' ? 'pipelining' : offered;
  }

  /** Whether a mail may be written behind the content of the one before. */
  get behindContent(): boolean {
    return this.now() === 'shared';
  }

  /** Mails that a connection may carry before the server turns the next away. */
  get mailsPerConnection(): number {
    return this.clock.monotonic() < this.mailsUntil ? this.mails : Infinity;
  }

  /** RSETs behind mails that were not accepted, before the server closes the connection. */
  get resets(): number {
    return this.resetsAllowed;
  }

  /** The server has said who it is. */
  greeted(greeting: string): void {
    if (/\bExim\b/.test(greeting)) this.resetsAllowed = Math.min(this.resetsAllowed, EXIM_RESETS);
  }

  /** The server answered out of step: it has lost count, or thrown commands away. */
  outOfStep(): void {
    this.stepDown('lockstep', LOCKSTEP_MS, 'its replies were out of step');
  }

  /** 503 to a command in its place: the server takes no such order of commands. */
  orderRefused(said: string, wasAlone: boolean): void {
    this.stepDown(wasAlone ? 'lockstep' : 'alone', REMEMBER_MS, `it said "${said}"`);
  }

  /** A connection that had carried `mails` was told that it gets no further ones. */
  turnedAway(mails: number, said: string): void {
    if (mails === 0 || mails >= this.mailsPerConnection) return;
    // One may have been closed for any reason; a limit is the same each time.
    if (mails !== this.sighted) {
      this.sighted = mails;
      return;
    }
    this.mails = mails;
    this.mailsUntil = this.clock.monotonic() + REMEMBER_MS;
    this.tell('mails', `gets ${mails} mails over a connection`, `it said "${said}"`);
  }

  /** The server refused the RSET behind `count` mails that it had not accepted, this one among them. */
  resetRefused(count: number, said: string): void {
    const allowed = Math.max(FEWEST_RESETS, count - 1);
    if (allowed >= this.resetsAllowed) return;
    this.resetsAllowed = allowed;
    this.tell(
      'resets',
      `has its connections replaced in time when it refuses mails`,
      `it said "${said}"`,
    );
  }

  private now(): Level {
    return this.clock.monotonic() < this.levelUntil ? this.level : 'shared';
  }

  private stepDown(to: Level, ms: number, why: string): void {
    if (LEVELS.indexOf(to) <= LEVELS.indexOf(this.now())) return;
    this.level = to;
    this.levelUntil = this.clock.monotonic() + ms;
    this.tell(to, `gets ${WORDS[to]}`, why);
  }

  /** Once for each kind: it is learned again whenever it was forgotten. */
  private tell(kind: string, what: string, why: string): void {
    if (this.told.has(kind)) return;
    this.told.add(kind);
    this.logger.warn(`${this.server} ${what} from now on: ${why}`);
  }
}
