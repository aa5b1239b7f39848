import { Worker } from 'node:worker_threads';
import type { ThreadEndedError } from '../../base/call-thread.js';
import { CallThread } from '../../base/call-thread.js';
import { MailConfigurationError, MailRelayError } from '../../base/errors.js';
import { spoolError, type StoreFault } from './faults.js';
import { faultOf, LazyStore, type StoreRequest, type StoreReturn } from './lazy-store.js';
import type { StoreAnswer, StoreArguments, StoreCall } from './store.js';
import type { StoreOptions } from './store.types.js';

/** Where a store runs. It opens with the first call, and again with a later one if that failed. */
export interface StoreHost {
  /** @throws MailRelayError, or MailConfigurationError where no SQLite is installed. */
  run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>>;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** Hears, in words for the log, of what the store met and went past. */
export type Tell = (notice: string) => void;

/** A fault as its caller sees it. A transaction that failed stored nothing, unless it is uncertain. */
function errorOf(fault: StoreFault, path: string, call: StoreCall): Error {
  const { kind, message } = fault;
  // At boot there is nothing to lose yet, and waiting mends no rights.
  if (kind === 'place' && call === 'open') {
    const expected = 'a file that this process may read and write';
    return new MailConfigurationError('relay.path', expected, `${path}: ${message}`);
  }
  return kind === 'sqlite-missing'
    ? new SqliteMissingError(message)
    : spoolError({ ...fault, kind }, path);
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

  constructor(
    private readonly options: StoreOptions,
    private readonly tell: Tell,
  ) {
    this.store = new LazyStore(options);
  }

  async run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>> {
    if (this.closed) throw new MailRelayError('The spool is closed');
    try {
      return this.store.run(call, args) as StoreAnswer<C>;
    } catch (error) {
      throw errorOf(faultOf(error), this.options.path, call);
    } finally {
      this.store.takeNotices().forEach(this.tell);
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

/** In a thread of its own: a disk that takes its time keeps nobody here waiting but the mail itself. */
export class ThreadHost implements StoreHost {
  private readonly calls: CallThread<StoreRequest, StoreReturn, never>;
  private closed = false;
  /** Works in this thread where there is no file to start another from: the app is bundled into one. */
  private here?: LocalHost;

  constructor(
    private readonly options: StoreOptions,
    private readonly tell: Tell,
  ) {
    const start = () =>
      new Worker(new URL('./store-thread.js', import.meta.url), {
        workerData: options,
        name: 'mail spool',
      });
    this.calls = new CallThread(start, (fault) => fault);
  }

  async run<C extends StoreCall>(call: C, ...args: StoreArguments<C>): Promise<StoreAnswer<C>> {
    if (this.closed) throw new MailRelayError('The spool is closed');
    if (this.here) return this.here.run(call, ...args);
    const { value, fault, notices } = await this.ask({ call, args });
    notices.forEach(this.tell);
    if (fault) throw errorOf(fault, this.options.path, call);
    return value as StoreAnswer<C>;
  }

  async close(): Promise<void> {
    this.closed = true;
    // A thread that ended by itself has closed, too.
    await Promise.all([this.calls.end({ call: 'close', args: [] }), this.here?.close()]);
  }

  async destroy(): Promise<void> {
    this.closed = true;
    await Promise.all([this.calls.terminate(), this.here?.close()]);
  }

  private async ask(request: StoreRequest): Promise<StoreReturn> {
    try {
      return await this.calls.call(request);
    } catch (error) {
      const { cause, isFileMissing } = error as ThreadEndedError;
      if (isFileMissing) return this.runHere(request);
      // Nobody knows how far it came.
      const message = "The spool's thread ended before it answered";
      throw new MailRelayError(message, { disposition: 'unknown', cause });
    }
  }

  private async runHere({ call, args }: StoreRequest): Promise<StoreReturn> {
    if (!this.here) {
      this.here = new LocalHost(this.options, this.tell);
      this.tell(
        "The spool's thread has no file to start from, as in an app bundled into one file: the spool works in the main thread, which waits for the disk with each mail. Leave nestjs-mail-relay out of the bundle, or set `thread: false` to hear no more of it",
      );
    }
    if (call === 'close') return { notices: [] };
    return { value: await this.here.run(call, ...(args as never)), notices: [] };
  }
}
