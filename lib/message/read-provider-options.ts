import { types } from 'node:util';
import { isObject } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailProviderOptions } from './provider-options.js';
import { show, surrogateFault } from './text.js';

const MAX_DEPTH = 32;
const MAX_VALUES = 100_000;
const NAME = /^[a-z][\w.-]{0,63}$/i;

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

function isPlain(value: unknown): value is object {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // One from another realm has an Object.prototype of its own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The message's settings over the defaults', key by key of each provider. */
export function readProviderOptions(
  issues: IssueList,
  defaults: unknown,
  own: unknown,
): MailProviderOptions | undefined {
  const merged: Record<string, object> = {};
  for (const [path, value] of [
    ['defaults.providerOptions', defaults],
    ['providerOptions', own],
  ] as const) {
    if (value === undefined) continue;
    if (!isPlain(value)) {
      const fix = 'Write `providerOptions: { sendgrid: { … } }`';
      issues.add(path, `expected an object, got ${show(value)}`, fix);
      continue;
    }
    for (const [name, settings] of Object.entries(value) as [string, unknown][]) {
      if (settings === undefined) continue;
      if (!NAME.test(name) || name in Object.prototype) {
        issues.add(`${path}[${show(name)}]`, 'is no name of a provider', 'Use `sendgrid` or such');
      } else if (!isPlain(settings)) {
        const at = `${path}.${name}`;
        issues.add(at, `expected an object, got ${show(settings)}`, 'Give the settings by name');
      } else {
        const copy = new PlainCopy(issues).of(`${path}.${name}`, settings) as object;
        merged[name] = Object.freeze({ ...merged[name], ...copy });
      }
    }
  }
  return Object.keys(merged).length === 0 ? undefined : Object.freeze(merged);
}
