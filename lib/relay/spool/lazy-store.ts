import { performance } from 'node:perf_hooks';
import { MailConfigurationError } from '../../base/errors.js';
import { CommitError, faultKind, messageOf, SpoolFault, type StoreFault } from './faults.js';
import { entriesOf } from './lease-ends.js';
import type { Owners } from './owners.js';
import type { Rescued } from './rescue.js';
import { SettledJournal } from './settled-journal.js';
import { SpoolStore, type StoreCall } from './store.js';
import type { StoreOptions } from './store.types.js';

/** What a store's thread is asked. */
export interface StoreRequest {
  readonly call: StoreCall | 'close';
  readonly args: readonly unknown[];
}

/** What comes of it, with what the log is to hear of. */
export interface StoreReturn {
  readonly value?: unknown;
  readonly fault?: StoreFault;
  readonly notices: readonly string[];
}

/** How often it is tried to save what was in a file that was moved away, in milliseconds. */
const RESCUE_EVERY_MS = 1_000;

type Lost = Extract<Rescued, { readonly isBack: false }>;

/** Opens the store when it is first needed and runs calls by name. */
export class LazyStore {
  private store?: SpoolStore;
  /** Outlives the store: its leases go on. */
  private owners?: Owners;
  private notices: string[] = [];
  /** The path means another file than the store has open. */
  private lost?: Lost;
  private rescuedAt = Number.NEGATIVE_INFINITY;
  /** What came of the last try, told until the next one. */
  private rescueFault?: SpoolFault;
  /** What was told already: each thing once. */
  private readonly told = new Set<string>();

  constructor(private readonly options: StoreOptions) {}

  run(call: StoreCall, args: readonly unknown[]): unknown {
    const store = this.open(call);
    const calls = store as unknown as Record<StoreCall, (...given: unknown[]) => unknown>;
    try {
      const value = calls[call](...args);
      if (this.lost && call === 'settle') this.settleInCopy(args);
      return value;
    } catch (error) {
      if (!['busy', 'full', 'moved'].includes(faultKind(error))) this.renew(store);
      throw error;
    }
  }

  takeNotices(): readonly string[] {
    if (this.notices.length === 0) return this.notices;
    const { notices } = this;
    this.notices = [];
    return notices;
  }

  close(): void {
    this.store?.close();
    this.store = undefined;
    this.owners?.release();
  }

  private renew(store: SpoolStore): void {
    try {
      store.renew();
    } catch {
      // The disk still fails: the next call opens it as the first did.
      this.store = undefined;
      store.close({ keepsOwner: true });
    }
  }

  private open(call: StoreCall): SpoolStore {
    this.store ??= this.openNew();
    if (!this.store.isInPlace) this.store = this.recover(this.store, call);
    return this.store;
  }

  private openNew(): SpoolStore {
    const store = new SpoolStore(this.options, this.tell, this.owners);
    this.owners = store.owners;
    return store;
  }

  private tell = (notice: string): void => {
    if (this.told.has(notice)) return;
    this.told.add(notice);
    this.notices.push(notice);
  };

  /**
   * The files of the store are gone from its path.
   * @throws SpoolFault where they cannot be brought back.
   */
  private recover(store: SpoolStore, call: StoreCall): SpoolStore {
    const { lost } = this;
    if (lost && call === 'settle') return store;
    if (lost?.copy !== undefined) throw faultOfLost(lost);
    if (performance.now() - this.rescuedAt < RESCUE_EVERY_MS) {
      throw this.rescueFault ?? faultOfLost(lost);
    }
    this.rescueFault = undefined;
    this.rescuedAt = performance.now();
    const rescued = store.rescue();
    if (!rescued.isBack) {
      this.lost = rescued;
      return this.recover(store, call);
    }
    this.lost = undefined;
    store.close({ keepsOwner: true });
    this.store = undefined;
    const next = this.openNew();
    if (!next.isInPlace) {
      // libsql lets go of the old files only when its statements are collected.
      next.close({ keepsOwner: true });
      this.rescueFault = new SpoolFault('moved', 'restart the app; its mail is saved in the file');
      throw this.rescueFault;
    }
    if (rescued.notice !== undefined) this.tell(rescued.notice);
    return next;
  }

  /** What ends after its file was lost is not to be sent again out of the copy. */
  private settleInCopy(args: readonly unknown[]): void {
    const copy = this.lost?.copy;
    if (copy === undefined) return;
    const [sent, others] = args as Parameters<SpoolStore['settle']>;
    new SettledJournal(`${copy}-settled`).add(entriesOf(sent, others, Date.now()));
  }
}

function faultOfLost(lost: Lost | undefined): SpoolFault {
  return new SpoolFault('moved', lost?.problem ?? 'it is looked at again in a second');
}

export function faultOf(error: unknown): StoreFault {
  const missing = error instanceof MailConfigurationError;
  return {
    kind: missing ? 'sqlite-missing' : faultKind(error),
    message: messageOf(error),
    isUncertain: isUncertain(error),
  };
}

/** A full disk and a lock are met before the last page of a commit is written: nothing is there then. */
function isUncertain(error: unknown): boolean {
  if (error instanceof SpoolFault) return error.isUncertain;
  return error instanceof CommitError && !['full', 'busy'].includes(faultKind(error));
}
