import { Worker } from 'node:worker_threads';
import { MailConfigurationError, MailRelayError } from '../../base/errors.js';
import { sqlFaultKind, type SqlFaultKind } from './sqlite.js';
import { SpoolStore, type StoreAnswer, type StoreArguments, type StoreCall } from './store.js';
import type { StoreOptions } from './store.types.js';

/** Where a store runs. It opens with the first call, and again with a later one if that failed. */
export interface StoreHost {
  /** @throws MailRelayError, or MailConfigurationError where no SQLite is installed. */
  run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>>;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** What a thread is asked and what it answers. */
export interface StoreRequest {
  readonly n: number;
  readonly call: StoreCall | 'close';
  readonly args: readonly unknown[];
}
export interface StoreReply {
  readonly n: number;
  readonly value?: unknown;
  readonly fault?: StoreFault;
}
export interface StoreFault {
  readonly kind: SqlFaultKind | 'sqlite-missing';
  readonly message: string;
}

/** Opens the store when it is first needed and runs calls by name. */
export class LazyStore {
  private store?: SpoolStore;

  constructor(private readonly options: StoreOptions) {}

  run(call: StoreCall, args: readonly unknown[]): unknown {
    this.store ??= new SpoolStore(this.options);
    const store = this.store as unknown as Record<StoreCall, (...given: unknown[]) => unknown>;
    return store[call](...args);
  }

  close(): void {
    this.store?.close();
    this.store = undefined;
  }
}

export function faultOf(error: unknown): StoreFault {
  const message = error instanceof Error ? error.message : String(error);
  const missing = error instanceof MailConfigurationError;
  return { kind: missing ? 'sqlite-missing' : sqlFaultKind(error), message };
}

const WORDS: Record<SqlFaultKind, string> = {
  full: 'The disk is full, or the spool has reached its maxBytes',
  busy: 'Another process holds the spool',
  corrupt:
    'The spool file is damaged, or no SQLite database. Stop what uses it and keep a copy; `PRAGMA quick_check` says where, `sqlite3 FILE .recover | sqlite3 NEW` saves what can be read',
  open: 'The spool file cannot be opened; its folder must exist and be writable',
  other: 'The spool failed',
};

/** A fault as its caller sees it. A transaction that failed stored nothing. */
function toError({ kind, message }: StoreFault, path: string): Error {
  return kind === 'sqlite-missing'
    ? new SqliteMissingError(message)
    : spoolError(kind, message, path);
}

export function spoolError(kind: SqlFaultKind, message: string, path: string): MailRelayError {
  return new MailRelayError(`${WORDS[kind]} (${path}: ${message})`);
}

/** The message comes from a thread complete; only its class has to be found again. */
class SqliteMissingError extends MailConfigurationError {
  constructor(message: string) {
    super('relay.sqlite', '', '');
    this.message = message;
  }
}

/** In this thread: every call blocks it for as long as the disk takes. */
export class LocalHost implements StoreHost {
  private readonly store: LazyStore;
  private closed = false;

  constructor(private readonly options: StoreOptions) {
    this.store = new LazyStore(options);
  }

  async run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>> {
    if (this.closed) throw new MailRelayError('The spool is closed');
    try {
      return this.store.run(call, args) as StoreAnswer<C>;
    } catch (error) {
      throw toError(faultOf(error), this.options.path);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.store.close();
  }

  destroy(): Promise<void> {
    return this.close();
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** In a thread of its own: a disk that takes its time keeps nobody here waiting but the mail itself. */
export class ThreadHost implements StoreHost {
  private thread?: Worker;
  private readonly pending = new Map<number, Pending>();
  private n = 0;
  private closed = false;

  constructor(private readonly options: StoreOptions) {}

  async run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>> {
    if (this.closed) throw new MailRelayError('The spool is closed');
    return (await this.ask(call, args)) as StoreAnswer<C>;
  }

  async close(): Promise<void> {
    this.closed = true;
    const { thread } = this;
    if (!thread) return;
    const gone = new Promise((resolve) => thread.once('exit', resolve));
    // A thread that ended by itself has closed, too.
    await this.ask('close', []).catch(() => undefined);
    await gone;
  }

  async destroy(): Promise<void> {
    this.closed = true;
    await this.thread?.terminate();
  }

  private ask(call: StoreRequest['call'], args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const thread = (this.thread ??= this.start());
      this.n += 1;
      const request: StoreRequest = { n: this.n, call, args };
      this.pending.set(request.n, { resolve, reject });
      // The thread keeps the process alive as long as an answer is due, not longer.
      if (this.pending.size === 1) thread.ref();
      thread.postMessage(request);
    });
  }

  private start(): Worker {
    const thread = new Worker(new URL('./store-thread.js', import.meta.url), {
      workerData: this.options,
      name: 'mail spool',
    });
    thread.unref();
    let reason: unknown;
    thread.on('message', (reply: StoreReply) => this.settle(reply));
    thread.on('error', (error) => (reason = error));
    thread.on('exit', () => {
      if (this.thread === thread) this.thread = undefined;
      this.failAll(reason);
    });
    return thread;
  }

  private settle({ n, value, fault }: StoreReply): void {
    const waiting = this.pending.get(n);
    this.pending.delete(n);
    // A close is waited for to its end.
    if (this.pending.size === 0 && !this.closed) this.thread?.unref();
    if (fault) waiting?.reject(toError(fault, this.options.path));
    else waiting?.resolve(value);
  }

  /** The thread ended without answering: nobody knows how far it came. */
  private failAll(cause: unknown): void {
    const left = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of left) {
      const message = "The spool's thread ended before it answered";
      reject(new MailRelayError(message, { disposition: 'unknown', cause }));
    }
  }
}
