import type { JobSummary, LeaseRequest, ListOptions, RelayStats } from '../relay.js';
import { Admin } from './admin.js';
import { Intake } from './intake.js';
import { Owners } from './owners.js';
import { SpoolFile } from './spool-file.js';
import { loadSqlite } from './sqlite.js';
import type {
  FirstMail,
  LeasedRows,
  NewRow,
  NotSent,
  RowDetails,
  StoreOptions,
} from './store.types.js';
import { Work } from './leases.js';

/** One open spool, synchronous: every call is one transaction, durable when it returns. */
export class SpoolStore {
  private readonly file: SpoolFile;
  private readonly owners: Owners;
  private readonly intake: Intake;
  private readonly work: Work;
  private readonly admin: Admin;

  constructor(options: StoreOptions) {
    this.file = new SpoolFile(options);
    const { open } = loadSqlite({ driver: this.file.driver });
    this.owners = new Owners(options.path, options.owner, open);
    this.intake = new Intake(this.file, options);
    this.work = new Work(this.file, this.owners, options);
    this.admin = new Admin(this.file);
  }

  /** It is open as soon as it is made. */
  open(): void {
    return;
  }

  enqueue(rows: readonly NewRow[]): (FirstMail | null)[] {
    return this.intake.enqueue(rows, Date.now());
  }

  /** `known` are ids whose bodies the caller has. */
  lease(request: LeaseRequest, mailer: string, known: readonly string[]): LeasedRows {
    return this.work.lease({ ...request, mailer, known: new Set(known) }, Date.now());
  }

  /** Returns the ids of what could not be recorded. */
  settle(sent: readonly string[], others: readonly NotSent[]): string[] {
    return this.work.settle(sent, others, Date.now());
  }

  /** Returns those that are still ours. */
  heartbeat(ids: readonly string[]): string[] {
    return this.work.heartbeat(ids, Date.now());
  }

  release(ids: readonly string[]): void {
    this.work.release(ids);
  }

  list(options: ListOptions): JobSummary[] {
    return this.admin.list(options);
  }

  show(id: string): RowDetails | null {
    return this.admin.show(id) ?? null;
  }

  retry(ids: readonly string[] | 'all'): number {
    return this.admin.retry(ids, Date.now());
  }

  discard(ids: readonly string[] | 'all'): number {
    return this.admin.discard(ids);
  }

  stats(): RelayStats {
    return this.admin.stats();
  }

  close(): void {
    this.owners.release();
    this.file.close();
  }
}

/** The calls that a store takes, by name; how they travel to a thread. */
export type StoreCall = Exclude<keyof SpoolStore, 'close'>;
export type StoreArguments<C extends StoreCall> = Parameters<SpoolStore[C]>;
export type StoreAnswer<C extends StoreCall> = ReturnType<SpoolStore[C]>;
