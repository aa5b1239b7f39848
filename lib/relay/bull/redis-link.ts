import type { Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import type { BullQueue, RedisClient } from './bull-queue.js';
import { SCRIPTS, type ScriptName } from './scripts.js';

/** Redis says that it did not do it: full, not allowed, busy, in need of repair. */
const REFUSAL = /\b(OOM|BUSY|MISCONF|NOREPLICAS|NOAUTH|NOPERM|WRONGPASS|NOSCRIPT)\b/;
/** It did not do it, and may in a moment: it starts, or another takes over; or nothing was written. */
const PASSING = /\b(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|Stream isn't writeable)\b/;
/** Between two tries, in milliseconds. */
const PAUSE_MS = 20;

export interface CallOptions {
  /** May be done twice: it is tried again while there is time, with whatever connection there is. */
  readonly repeatable: boolean;
}

type Scripted = RedisClient & Record<ScriptName, (...args: string[]) => Promise<unknown>>;

/**
 * The way to Redis with a bound on every wait. ioredis would hold a command back until a connection
 * is there, and Bull's `add` with it; here a call waits for the connection first, so that what is
 * known of its fate is exact: never written, refused, or written and not answered.
 */
export class RedisLink {
  private client?: Scripted;
  private up = false;
  private waiting: (() => void)[] = [];
  private coming?: Promise<void>;
  /** Why Redis is not there, as far as anything said so. */
  private problem?: unknown;
  private gone = false;
  private readonly calls = new Set<Promise<unknown>>();
  private readonly waits = new Set<() => void>();

  constructor(
    private readonly queue: BullQueue,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
    /** Whether the connections are this driver's alone. */
    private readonly own: boolean,
    /** Called whenever Redis answers on a new connection. */
    private readonly onUp: (client: RedisClient) => void,
  ) {}

  get isUp(): boolean {
    return this.up;
  }

  /** Begins to connect. */
  open(): RedisClient {
    if (!this.client) {
      const client = this.queue.client as Scripted;
      for (const [name, lua] of Object.entries(SCRIPTS)) {
        if (!(name in client)) client.defineCommand(name, { lua, numberOfKeys: 1 });
      }
      this.client = client;
      client.on('ready', () => void this.greet(client));
      client.on('close', () => (this.up = false));
      client.on('error', (error: Error) => (this.problem = error));
      if (client.status === 'ready') void this.greet(client);
    }
    return this.client;
  }

  /**
   * What ioredis calls ready is connected: Redis may still load its data, the password may be wrong, a
   * proxy may have nobody behind it. Only who answered a question is there.
   */
  private async greet(client: RedisClient): Promise<void> {
    while (client.status === 'ready' && !this.up && !this.gone) {
      try {
        const deadline = this.clock.monotonic() + this.timeoutMs;
        if (!(await this.until(deadline, client.zcard(this.queue.toKey('failed'))))) {
          // A connection of somebody else's may come back by itself: it is asked again.
          if (!this.own) continue;
          reconnect(client);
          return;
        }
        this.up = true;
        this.problem = undefined;
        this.coming = undefined;
        for (const resolve of this.waiting.splice(0)) resolve();
        this.onUp(client);
      } catch (error) {
        if (isReply(error)) this.problem = error;
        await this.pause(PAUSE_MS);
      }
    }
  }

  /** @throws MailRelayError within the bound. */
  script(
    name: ScriptName,
    owner: string,
    args: readonly (string | number)[],
    options: CallOptions,
  ) {
    const { queue } = this;
    const all = [queue.toKey('wait'), queue.toKey(''), owner, ...args.map(String)];
    return this.call((client) => (client as Scripted)[name](...all), options);
  }

  /**
   * @throws MailRelayError within the bound: `retry` when Redis surely did nothing, `unknown` when the
   * answer was lost.
   */
  call<T>(work: (client: RedisClient) => Promise<T>, options: CallOptions): Promise<T> {
    const call = this.attempt(work, options);
    this.calls.add(call);
    const done = () => this.calls.delete(call);
    call.then(done, done);
    return call;
  }

  /** Resolves once no call is under way; every call is bounded. */
  async whenIdle(): Promise<void> {
    while (this.calls.size > 0) await Promise.allSettled(this.calls);
  }

  /** What is under way fails now. */
  abandon(): void {
    this.gone = true;
    for (const late of [...this.waits]) late();
    if (this.own) this.client?.disconnect();
  }

  private async attempt<T>(
    work: (client: RedisClient) => Promise<T>,
    { repeatable }: CallOptions,
  ): Promise<T> {
    const client = this.open();
    const deadline = this.clock.monotonic() + this.timeoutMs;
    let lost = false;
    let reason: unknown;
    for (;;) {
      if (!this.up && !(await this.until(deadline, this.whenUp()))) break;
      try {
        const working = work(client);
        if (await this.until(deadline, working)) return await working;
        lost = true;
        // Nothing for so long: the connection is dead, or as good as that.
        if (this.own && !this.gone) reconnect(client);
        break;
      } catch (error) {
        reason = error;
        const fate = fateOf(error);
        if (fate === 'lost') lost = true;
        if (fate === 'refused' || (fate === 'lost' && (!repeatable || isReply(error)))) break;
        // A master that became a replica stays at its address; the new one is found by its name.
        if (this.own && /\bREADONLY\b/.test(messageOf(error))) reconnect(client);
        if (!(await this.until(deadline, this.pause(PAUSE_MS)))) break;
      }
    }
    throw this.failure(lost, reason);
  }

  private failure(lost: boolean, seen: unknown): MailRelayError {
    const reason = seen ?? this.problem;
    const where = `Redis (queue ${this.queue.name})`;
    const cause = reason === undefined ? undefined : bare(reason);
    const why = cause ? `: ${cause.message}` : '';
    const options = { disposition: lost ? 'unknown' : 'retry', cause } as const;
    if (lost) {
      return new MailRelayError(
        `${where} was asked and its answer was lost${why}; whether it was stored is unknown. With the same \`idempotencyKey\` it is safe to send again`,
        options,
      );
    }
    if (this.gone) return new MailRelayError(`${where} was let go of; nothing was stored`, options);
    const what = seen === undefined ? `was not there for ${this.timeoutMs} ms` : 'refused';
    return new MailRelayError(`${where} ${what}${why}; nothing was stored`, options);
  }

  /** One promise for all that wait. */
  private whenUp(): Promise<void> {
    this.coming ??= new Promise((resolve) => this.waiting.push(resolve));
    return this.coming;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve, { keepAlive: true }));
  }

  /** Whether `work` was done before the deadline and before this link was let go of. */
  private until(deadline: number, work: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const end = (done: boolean) => {
        cancel();
        this.waits.delete(late);
        resolve(done);
      };
      const late = () => end(false);
      const left = this.gone ? 0 : Math.max(0, deadline - this.clock.monotonic());
      const cancel = this.clock.after(left, late, { keepAlive: true });
      this.waits.add(late);
      work.then(
        () => end(true),
        (error: unknown) => {
          cancel();
          this.waits.delete(late);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

/** ioredis may call itself ready without a connection: what it does while it connects can come too late. */
function reconnect(client: RedisClient): void {
  client.disconnect(true);
  if (client.status !== 'ready' || client.stream?.destroyed !== true) return;
  client.status = 'end';
  client.connect().catch(() => undefined);
}

/** Whether Redis did it: surely not and for now, surely not, or who knows. */
function fateOf(error: unknown): 'passing' | 'refused' | 'lost' {
  const message = messageOf(error);
  if (PASSING.test(message)) return 'passing';
  return REFUSAL.test(message) ? 'refused' : 'lost';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Redis answered, whatever it said. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** ioredis hangs the whole command, mail and password included, on its errors. */
function bare(error: unknown): Error {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const cause = new Error(message.slice(0, 300));
  cause.name = name;
  if (stack) cause.stack = stack;
  return cause;
}
