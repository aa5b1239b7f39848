import type { MailRelay } from '../relay.js';

/** How the suite gets at one driver. */
export interface RelayHarness {
  /** Another client of the same storage, as another process would be; not opened yet. */
  client(): Promise<MailRelay>;
  /**
   * Replaces what is stored of a job (what `serializeJob` made of it), as somebody with a hand in the
   * storage would.
   */
  rewrite(id: string, change: (stored: Record<string, unknown>) => unknown): Promise<void>;
  /** Closes every client and removes the storage. */
  dispose(): Promise<void>;
}

/** What the suite uses of `expect`. */
export interface ContractMatchers {
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
  toMatchObject(expected: object): unknown;
  toHaveLength(length: number): unknown;
  toContain(part: unknown): unknown;
  toBeDefined(): unknown;
  toBeUndefined(): unknown;
  toBeGreaterThan(bound: number): unknown;
  toBeGreaterThanOrEqual(bound: number): unknown;
  toBeLessThanOrEqual(bound: number): unknown;
  readonly rejects: { toMatchObject(expected: object): Promise<unknown> };
}

/** The functions of a test runner; those of Jest and Vitest fit. */
export interface ContractRunner {
  readonly describe: (name: string, tests: () => void) => unknown;
  readonly it: (name: string, test: () => Promise<void>) => unknown;
  readonly afterEach: (clean: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => ContractMatchers;
}
