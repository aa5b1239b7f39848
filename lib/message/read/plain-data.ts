import { types } from 'node:util';
import { isObject } from './fields.js';
import type { IssueList } from './issues.js';
import { show, surrogateFault } from '../text.js';

const MAX_DEPTH = 32;
const MAX_VALUES = 100_000;

/** Copies plain data, frozen, and names what is none. */
class PlainCopy {
  private left = MAX_VALUES;

  constructor(private readonly issues: IssueList) {}

  of(path: string, value: unknown, depth = 0): unknown {
    this.left -= 1;
    // A circle ends here, and so does what would take for ever to copy.
    if (depth > MAX_DEPTH || this.left < 0) return this.tooMuch(path);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value === 'string') return this.text(path, value);
    if (types.isDate(value) && Number.isFinite(Date.prototype.getTime.call(value))) {
      return new Date(Date.prototype.getTime.call(value)).toISOString();
    }
    if (Array.isArray(value)) {
      return Object.freeze(
        value.map((item: unknown, index) => this.of(`${path}[${index}]`, item, depth + 1)),
      );
    }
    if (isPlain(value)) return this.object(path, value, depth);
    this.issues.add(path, `expected plain data, got ${show(value)}`, 'Give what JSON can carry');
    return null;
  }

  private tooMuch(path: string): null {
    if (this.left > -MAX_VALUES) {
      this.issues.add(path, 'is nested too deeply or too large', 'Give plain, finite data');
    }
    // Says it once.
    this.left = -MAX_VALUES;
    return null;
  }

  private text(path: string, value: string): string {
    const fault = surrogateFault(value);
    if (fault) this.issues.addFault(path, fault);
    return value;
  }

  private object(path: string, value: object, depth: number): object {
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value) as [string, unknown][]) {
      if (item === undefined) continue;
      const at = /^[\w$-]{1,64}$/.test(key) ? `${path}.${key}` : `${path}[${show(key)}]`;
      if (key === '__proto__' || surrogateFault(key)) {
        this.issues.add(at, 'is not a usable key', 'Choose another name');
      } else copy[key] = this.of(at, item, depth + 1);
    }
    return Object.freeze(copy);
  }
}

export function isPlain(value: unknown): value is object {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // One from another realm has an Object.prototype of its own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A frozen copy of plain data; what is none is named. */
export function copyPlain(issues: IssueList, path: string, value: object): object {
  return new PlainCopy(issues).of(path, value) as object;
}
