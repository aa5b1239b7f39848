import type { JobSummary, LeaseRequest, ListOptions, RelayStats } from '../relay.js';
import { Admin } from './admin.js';
import { Intake } from './intake.js';
import { Owners } from './owners.js';
import { rescue, type Rescued } from './rescue.js';
import { SpoolFile } from './spool-file.js';
import { loadSqlite } from './sqlite.js';
import type {
  FirstMail,
  LeasedRows,
  NewRow,
  NotSent,
  RowDetails,
  StepDone,
  StoreOptions,
} from './store.types.js';
import { Leases } from './leases.js';

/** One open spool, synchronous: every call is one transaction, durable when it returns. */
export class SpoolStore {
  private readonly file: SpoolFile;
  readonly owners: Owners;
  private readonly intake: Intake;
  private readonly leases: Leases;
  private readonly admin: Admin;

  /** `owners` are those of a store before this one, whose leases go on. */
  constructor(options: StoreOptions, tell: (notice: string) => void, owners?: Owners) {
    this.file = new SpoolFile(options, tell);
    const { open } = loadSqlite({ driver: this.file.driver });
    this.owners = owners ?? new Owners(options.path, options.owner, open);
    this.intake = new Intake(this.file, options);
    this.leases = new Leases(this.file, this.owners, options, tell);
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
    return this.leases.lease({ ...request, mailer, known: new Set(known) }, Date.now());
  }

  /** Returns the ids of what could not be recorded. */
  settle(sent: readonly string[], others: readonly NotSent[]): readonly string[] {
    return this.leases.ends.settle(sent, others, Date.now());
  }

  /** Returns those that are still ours. */
  heartbeat(ids: readonly string[]): string[] {
    this.leases.own();
    return this.leases.ends.heartbeat(ids, Date.now());
  }

  release(ids: readonly string[]): void {
    this.leases.ends.release(ids);
  }

  list(options: ListOptions): JobSummary[] {
    return this.admin.list(options);
  }

  show(id: string): RowDetails | null {
    return this.admin.show(id) ?? null;
  }

  retry(ids: readonly string[] | 'all', from: number): StepDone {
    return this.admin.retry(ids, from, Date.now());
  }

  discard(ids: readonly string[] | 'all', from: number): StepDone {
    return this.admin.discard(ids, from);
  }

  stats(): RelayStats {
    return this.admin.stats();
  }

  renew(): void {
    this.file.renew();
  }

  /** Whether its path still means the files that it has open. */
  get isInPlace(): boolean {
    return this.file.isInPlace;
  }

  /** The files that it has open are gone from its path. */
  rescue(): Rescued {
    return rescue(this.file);
  }

  close({ keepsOwner = false } = {}): void {
    if (!keepsOwner) this.owners.release();
    this.file.close();
  }
}

/** What is about the store itself, and not asked of it by name. */
type OfItself = 'close' | 'renew' | 'isInPlace' | 'owners' | 'rescue';

/** The calls that a store takes, by name; how they travel to a thread. */
export type StoreCall = Exclude<keyof SpoolStore, OfItself>;
export type StoreArguments<C extends StoreCall> = Parameters<SpoolStore[C]>;
export type StoreAnswer<C extends StoreCall> = ReturnType<SpoolStore[C]>;
