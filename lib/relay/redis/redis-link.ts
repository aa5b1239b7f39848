import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../base/clock.js';
import { MailRelayError, type MailConfigurationError } from '../../base/errors.js';
import type { RedisClient } from './redis-client.js';
import { bare, fateOf, fixFor, isReply, messageOf } from './redis-reply.js';

/** Between two tries, in milliseconds. */
const PAUSE_MS = 20;

export interface CallOptions {
  /** May be done twice: it is tried again while there is time, with whatever connection there is. */
  readonly repeatable: boolean;
}

export interface RedisLinkParts<Script extends string> {
  /** Names Redis in errors; holds no secret. */
  readonly where: string;
  /** Connects when it is first called. */
  readonly client: () => RedisClient;
  readonly scripts: Readonly<Record<Script, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Whether the connections are this driver's alone. */
  readonly own: boolean;
  /** Asks Redis anything. */
  readonly probe: (client: RedisClient) => Promise<unknown>;
  /** Whether this Redis is one to keep mail in; it is asked on each connection, before anything else is. */
  readonly admit?: (client: RedisClient) => Promise<MailConfigurationError | undefined>;
  /** Called whenever Redis answers on a new connection. */
  readonly onUp: (client: RedisClient) => void;
}

/**
 * The way to Redis with a bound on every wait. ioredis would hold a command back until a connection
 * is there; here a call waits for the connection first, so that what is known of its fate is exact:
 * never written, refused, or written and not answered.
 */
export class RedisLink<Script extends string> {
  private client?: RedisClient;
  private up = false;
  private waiting: (() => void)[] = [];
  private coming?: Promise<void>;
  /** Why Redis is not there, as far as anything said so. */
  private problem?: unknown;
  /** Why this Redis is not one to keep mail in. */
  private refusal?: MailConfigurationError;
  private gone = false;
  private readonly calls = new Set<Promise<unknown>>();
  private readonly waits = new Set<() => void>();
  /** Connections outlive the request that happened to be the first to need one. */
  private readonly outside = new AsyncResource('MailRelayRedis');

  constructor(private readonly parts: RedisLinkParts<Script>) {}

  get isUp(): boolean {
    return this.up;
  }

  get isOpen(): boolean {
    return this.client !== undefined;
  }

  /** Begins to connect. */
  open(): RedisClient {
    this.client ??= this.outside.runInAsyncScope(() => this.connect());
    return this.client;
  }

  /**
   * Resolves once Redis is there, or something says that it is not; waits `ms` milliseconds at most.
   * @throws MailConfigurationError where this Redis is not one to keep mail in.
   */
  async firstWord(ms: number): Promise<void> {
    const client = this.open();
    const failed = new Promise<void>((resolve) => client.once('error', resolve));
    await this.until(this.parts.clock.monotonic() + ms, Promise.race([this.whenUp(), failed]));
    if (this.refusal) throw this.refusal;
  }

  /** @throws MailRelayError within the bound. */
  script(name: Script, args: readonly (string | number)[], options: CallOptions): Promise<unknown> {
    return this.call((client) => runScript(client, name, args), options);
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
    if (this.parts.own) this.client?.disconnect();
  }

  private connect(): RedisClient {
    const client = this.parts.client();
    for (const [name, lua] of Object.entries<string>(this.parts.scripts)) {
      if (!(name in client)) client.defineCommand(name, { lua, numberOfKeys: 1 });
    }
    client.on('ready', () => void this.greet(client));
    client.on('close', () => (this.up = false));
    client.on('error', (error: Error) => (this.problem = error));
    if (client.status === 'ready') void this.greet(client);
    // With `lazyConnect` it would wait for a command, and a command here for it.
    else if (client.status === 'wait') client.connect().catch(() => undefined);
    return client;
  }

  /**
   * What ioredis calls ready is connected: Redis may still load its data, the password may be wrong, a
   * proxy may have nobody behind it. Only who answered a question is there.
   */
  private async greet(client: RedisClient): Promise<void> {
    const { clock, timeoutMs, probe, admit, own, onUp } = this.parts;
    while (client.status === 'ready' && !this.up && !this.gone) {
      try {
        const deadline = clock.monotonic() + timeoutMs;
        const asked = probe(client).then(async () => {
          this.refusal = await admit?.(client);
        });
        if (!(await this.until(deadline, asked))) {
          // A connection of somebody else's may come back by itself: it is asked again.
          if (!own) continue;
          reconnect(client);
          return;
        }
        this.up = true;
        this.problem = undefined;
        this.coming = undefined;
        for (const resolve of this.waiting.splice(0)) resolve();
        onUp(client);
      } catch (error) {
        if (isReply(error)) this.problem = error;
        await this.pause(PAUSE_MS);
      }
    }
  }

  private async attempt<T>(
    work: (client: RedisClient) => Promise<T>,
    { repeatable }: CallOptions,
  ): Promise<T> {
    const { clock, timeoutMs, own } = this.parts;
    const client = this.open();
    const deadline = clock.monotonic() + timeoutMs;
    let lost = false;
    let reason: unknown;
    for (;;) {
      if (!this.up && !(await this.until(deadline, this.whenUp()))) break;
      if (this.refusal) throw this.refused(this.refusal);
      try {
        const working = work(client);
        if (await this.until(deadline, working)) return await working;
        lost = true;
        // Nothing for so long: the connection is dead, or as good as that.
        if (own && !this.gone) reconnect(client);
        break;
      } catch (error) {
        reason = error;
        const fate = fateOf(error);
        if (fate === 'lost') lost = true;
        if (fate === 'refused' || (fate === 'lost' && (!repeatable || isReply(error)))) break;
        // A master that became a replica stays at its address; the new one is found by its name.
        if (own && /\bREADONLY\b/.test(messageOf(error))) reconnect(client);
        if (!(await this.until(deadline, this.pause(PAUSE_MS)))) break;
      }
    }
    throw this.failure(lost, reason);
  }

  private refused(cause: MailConfigurationError): MailRelayError {
    return new MailRelayError(`${this.parts.where} is not used: ${cause.message}`, { cause });
  }

  private failure(lost: boolean, seen: unknown): MailRelayError {
    const { where, timeoutMs } = this.parts;
    const reason = seen ?? this.problem;
    const cause = reason === undefined ? undefined : bare(reason);
    const why = cause ? `: ${cause.message}` : '';
    const fix = cause ? fixFor(cause.message) : '';
    const options = { disposition: lost ? 'unknown' : 'retry', cause } as const;
    if (lost) {
      return new MailRelayError(
        `${where} was asked and its answer was lost${why}; whether it was stored is unknown. With the same \`idempotencyKey\` it is safe to send again${fix}`,
        options,
      );
    }
    if (this.gone) return new MailRelayError(`${where} was let go of; nothing was stored`, options);
    const what = seen === undefined ? `was not there for ${timeoutMs} ms` : 'refused';
    return new MailRelayError(`${where} ${what}${why}; nothing was stored${fix}`, options);
  }

  /** One promise for all that wait. */
  private whenUp(): Promise<void> {
    this.coming ??= new Promise((resolve) => {
      if (this.up) resolve();
      else this.waiting.push(resolve);
    });
    return this.coming;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.parts.clock.after(ms, resolve, { keepAlive: true }));
  }

  /** Whether `work` was done before the deadline and before this link was let go of. */
  private until(deadline: number, work: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { clock } = this.parts;
      const end = (done: boolean) => {
        cancel();
        this.waits.delete(late);
        resolve(done);
      };
      const late = () => end(false);
      const left = this.gone ? 0 : Math.max(0, deadline - clock.monotonic());
      const cancel = clock.after(left, late, { keepAlive: true });
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

/** Runs a script that the link has made known to the client. */
export function runScript(
  client: RedisClient,
  name: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  const commands = client as unknown as Record<string, (...args: string[]) => Promise<unknown>>;
  return commands[name]!(...args.map(String));
}

/** ioredis may call itself ready without a connection: what it does while it connects can come too late. */
function reconnect(client: RedisClient): void {
  client.disconnect(true);
  if (client.status !== 'ready' || client.stream?.destroyed !== true) return;
  client.status = 'end';
  client.connect().catch(() => undefined);
}
