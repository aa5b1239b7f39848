import { parentPort, type Transferable, type Worker } from 'node:worker_threads';

interface Call<Request> {
  readonly n: number;
  readonly request: Request;
}

/** What came of a call: a value, or a fault in plain data, since errors lose their class on the way. */
interface Outcome<Value, Fault> {
  readonly n: number;
  readonly value?: Value;
  readonly fault?: Fault;
}

interface Pending<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

/** The thread ended before a call returned: nobody knows how far it came. */
export class ThreadEndedError extends Error {
  override readonly name = 'ThreadEndedError';

  /** The thread's file is not there: the app is bundled into one. Nothing of the call was done. */
  readonly isFileMissing: boolean;

  constructor(cause: unknown) {
    super('The thread ended before it returned', { cause });
    this.isFileMissing = isFileMissing(cause);
  }
}

/**
 * Calls into a thread of its own. The thread starts with the first call; when it breaks down, with the
 * next one again. It keeps the process alive as long as a call is under way, not longer.
 */
export class CallThread<Request, Value, Fault> {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending<Value>>();
  private n = 0;
  private ending = false;

  constructor(
    private readonly start: () => Worker,
    private readonly errorOf: (fault: Fault) => Error,
  ) {}

  /** The thread that runs, if one does. */
  get thread(): Worker | undefined {
    return this.worker;
  }

  /** @throws ThreadEndedError, or what the thread's fault stands for. */
  call(request: Request, transfer: readonly Transferable[] = []): Promise<Value> {
    return new Promise((resolve, reject) => {
      let worker;
      try {
        worker = this.worker ??= this.watch(this.start());
      } catch (error) {
        reject(new ThreadEndedError(error));
        return;
      }
      this.n += 1;
      this.pending.set(this.n, { resolve, reject });
      if (this.pending.size === 1) worker.ref();
      const call: Call<Request> = { n: this.n, request };
      worker.postMessage(call, transfer);
    });
  }

  /** Makes the last call, after which the thread ends by itself. Resolves once it has; it never rejects. */
  async end(request: Request): Promise<void> {
    this.ending = true;
    const { worker } = this;
    if (!worker) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    await this.call(request).catch(() => undefined);
    await gone;
  }

  /** Ends the thread at once. Calls under way reject. */
  async terminate(): Promise<void> {
    await this.worker?.terminate();
  }

  private watch(worker: Worker): Worker {
    worker.unref();
    let reason: unknown;
    worker.on('message', (outcome: Outcome<Value, Fault>) => this.settle(outcome));
    worker.on('error', (error) => (reason = error));
    worker.on('exit', () => {
      if (this.worker === worker) this.worker = undefined;
      const left = [...this.pending.values()];
      this.pending.clear();
      for (const { reject } of left) reject(new ThreadEndedError(reason));
    });
    return worker;
  }

  private settle({ n, value, fault }: Outcome<Value, Fault>): void {
    const call = this.pending.get(n);
    this.pending.delete(n);
    // The end is waited for.
    if (this.pending.size === 0 && !this.ending) this.worker?.unref();
    if (fault === undefined) call?.resolve(value as Value);
    else call?.reject(this.errorOf(fault));
  }
}

/** The thread's side: runs one call after the other, and ends after one that `isLast`. */
export function serveCalls<Request>(
  run: (request: Request) => unknown,
  faultOf: (error: unknown) => unknown,
  isLast: (request: Request) => boolean = () => false,
): void {
  const port = parentPort;
  const outcomeOf = ({ n, request }: Call<Request>): Outcome<unknown, unknown> => {
    try {
      return { n, value: run(request) };
    } catch (error) {
      return { n, fault: faultOf(error) };
    }
  };
  port?.on('message', (call: Call<Request>) => {
    port.postMessage(outcomeOf(call));
    if (isLast(call.request)) port.close();
  });
}

/** Also where a bundle in CommonJS has no `import.meta.url` to find the file by. */
function isFileMissing(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { code?: unknown };
  return (
    code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_INVALID_URL'
  );
}
