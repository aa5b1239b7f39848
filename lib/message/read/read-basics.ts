import { types } from 'node:util';
import { isObject } from './fields.js';
import type { IssueList } from './issues.js';
import { bodyTextFault, fieldTextFault, show } from '../text.js';

/** A string of one line: subject, filename, tag. `undefined` when absent or bad. */
export function readLine(
  issues: IssueList,
  path: string,
  value: unknown,
  options: { tab?: boolean; max?: number; empty?: boolean } = {},
): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') {
    issues.add(
      path,
      `expected a string, got ${show(value)}`,
      'Give a string, or leave the field out',
    );
    return undefined;
  }
  if (value === '' && options.empty !== true) {
    issues.add(path, 'is empty', 'Give it a value, or leave it out');
    return undefined;
  }
  const fault = fieldTextFault(value, options.tab);
  if (fault) {
    issues.addFault(path, fault);
    return undefined;
  }
  if (options.max !== undefined && value.length > options.max) {
    issues.add(path, `is ${value.length} characters long`, `Use at most ${options.max}`);
    return undefined;
  }
  return value;
}

/** A body: any line ends, no NUL. */
export function readBody(issues: IssueList, path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') {
    const fix =
      isObject(value) && ('path' in value || 'href' in value)
        ? 'Read the content yourself and give the string; bodies are never loaded from a path or URL'
        : 'Give a string; read a stream or Buffer into one first';
    issues.add(path, `expected a string, got ${show(value)}`, fix);
    return undefined;
  }
  const fault = bodyTextFault(value);
  if (fault) issues.addFault(path, fault);
  return fault ? undefined : value;
}

// Date.parse alone takes almost anything (`x 1` is a day of 2001), and a time without a zone means
// another moment on every server.
const ISO_8601 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/;
const RFC_5322 =
  /^(?:[A-Z]{3}, )?\d{1,2} [A-Z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:GMT|UTC?|[+-]\d{4})$/i;

/** A moment as ISO 8601. */
export function readDate(issues: IssueList, path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const ms = types.isDate(value)
    ? Date.prototype.getTime.call(value)
    : typeof value === 'string' && (ISO_8601.test(value) || RFC_5322.test(value))
      ? Date.parse(value)
      : Number.NaN;
  // RFC 5322 §3.3: a year has four digits and is not before 1900.
  if (ms >= -2_208_988_800_000 && ms < 253_402_300_800_000) return new Date(ms).toISOString();
  const got = types.isDate(value) ? 'a Date out of range or invalid' : show(value);
  issues.add(
    path,
    `expected a date with its time zone, from 1900 to 9999, got ${got}`,
    'Give a valid Date or an ISO 8601 string such as `2030-01-31T12:00:00Z`',
  );
  return undefined;
}

export function readChoice<const T extends string>(
  issues: IssueList,
  path: string,
  value: unknown,
  choices: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    const list = choices.map((choice) => `'${choice}'`).join(', ');
    issues.add(path, `expected one of ${list}, got ${show(value)}`, 'Use one of these');
  }
  return found;
}

export function readBoolean(issues: IssueList, path: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  issues.add(path, `expected true or false, got ${show(value)}`, 'Use one of these');
  return undefined;
}

export const NONE: readonly never[] = Object.freeze([]);

/** Labels, each once. */
export function readTags(issues: IssueList, path: string, value: unknown): readonly string[] {
  if (value === undefined) return NONE;
  if (!Array.isArray(value)) {
    issues.add(
      path,
      `expected an array of strings, got ${show(value)}`,
      'Write `tags: ["welcome"]`',
    );
    return NONE;
  }
  const tags = new Set<string>();
  value.forEach((item: unknown, index) => {
    const tag = readLine(issues, `${path}[${index}]`, item ?? null, { max: 255 });
    if (tag !== undefined) tags.add(tag);
  });
  return [...tags];
}

/** Key-value data. Keys are one line; values may be any text without NUL. */
export function readMetadata(
  issues: IssueList,
  path: string,
  value: unknown,
  into: Record<string, string>,
): void {
  if (value === undefined) return;
  if (!isObject(value)) {
    issues.add(
      path,
      `expected an object, got ${show(value)}`,
      'Write `metadata: { orderId: "17" }`',
    );
    return;
  }
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const at = /^[\w$-]{1,64}$/.test(key) ? `${path}.${key}` : `${path}[${show(key)}]`;
    const fault = fieldTextFault(key);
    if (fault) {
      issues.add(at, `the key ${fault.problem}`, fault.fix);
    } else if (key === '' || key === '__proto__' || key.length > 255) {
      issues.add(at, 'is not a usable key', 'Use a name of 1 to 255 characters');
    } else if (typeof item !== 'string') {
      if (item === undefined) continue;
      issues.add(at, `expected a string, got ${show(item)}`, 'Turn it into a string yourself');
    } else {
      const bad = bodyTextFault(item);
      if (bad) issues.addFault(at, bad);
      else into[key] = item;
    }
  }
}
