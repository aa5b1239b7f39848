import { MailValidationError, type MailIssue } from '../../base/errors.js';
import type { TextFault } from '../text.js';

/** Faults beyond this many are counted, not listed: a hostile message must not write a book. */
const MAX_LISTED = 200;

/** Collects every fault of a message, so that the caller sees them all at once. */
export class IssueList {
  private readonly listed: MailIssue[] = [];
  private unlisted = 0;

  /** The first fault of all. */
  get first(): MailIssue | undefined {
    return this.listed[0];
  }

  get count(): number {
    return this.listed.length + this.unlisted;
  }

  /** Whether more faults will only be counted, so that describing them is wasted. */
  get full(): boolean {
    return this.listed.length >= MAX_LISTED;
  }

  add(path: string, problem: string, fix: string): void {
    if (!this.full) this.listed.push({ path, problem, fix });
    else this.unlisted += 1;
  }

  addFault(path: string, fault: TextFault): void {
    this.add(path, fault.problem, fault.fix);
  }

  throwIfAny(): void {
    if (this.listed.length > 0) this.raise();
  }

  /** @throws MailValidationError with all that was added. */
  raise(): never {
    if (this.unlisted > 0) {
      this.listed.push({
        path: '…',
        problem: `${this.unlisted} more faults are not listed`,
        fix: 'Fix those above first',
      });
    }
    throw new MailValidationError(Object.freeze(this.listed.map((issue) => Object.freeze(issue))));
  }
}
