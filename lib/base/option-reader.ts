import { X509Certificate } from 'node:crypto';
import { MailConfigurationError } from './errors.js';
import { suggest } from './suggest.js';

/** Says what a value is without showing it, since it may be a secret. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'undefined') return 'nothing';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`;
}

/** What to do about a name that is not among the known ones. */
export function adviceOn(
  key: string,
  known: readonly string[],
  elsewhere: Readonly<Record<string, string>> = {},
): string {
  const place = Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
  if (place !== undefined) return place;
  const near = suggest(key, known);
  return near === undefined ? `Known: ${known.join(', ')}` : `Did you mean \`${near}\`?`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads one object of options: every known key by its type and range, every unknown key refused with
 * a suggestion. All faults are MailConfigurationErrors that name the option by its full path.
 */
export class OptionReader {
  private readonly values: Record<string, unknown>;

  constructor(
    readonly path: string,
    value: unknown,
    known: readonly string[],
    /** For options that belong somewhere else: a sentence on where. */
    elsewhere: Readonly<Record<string, string>> = {},
  ) {
    if (value !== undefined && !isPlainObject(value)) {
      throw new MailConfigurationError(path, 'an object', describe(value));
    }
    this.values = value ?? {};
    for (const key of Object.keys(this.values)) {
      if (known.includes(key)) continue;
      throw MailConfigurationError.unknown(this.pathOf(key), adviceOn(key, known, elsewhere));
    }
  }

  pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  raw(key: string): unknown {
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** For a fault that only the caller can see; never returns. */
  fail(key: string, expected: string, got = describe(this.raw(key))): never {
    throw new MailConfigurationError(this.pathOf(key), expected, got);
  }

  optionalString(key: string): string | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') this.fail(key, 'a non-empty string');
    if (/[\u0000-\u001f\u007f]/.test(value)) {
      this.fail(key, 'a string without control characters', 'one with control characters');
    }
    return value;
  }

  string(key: string, fallback?: string): string {
    return this.optionalString(key) ?? fallback ?? this.fail(key, 'a non-empty string');
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'boolean') this.fail(key, 'true or false');
    return value;
  }

  integer(key: string, fallback: number, range: { min: number; max?: number }): number {
    const value = this.raw(key) ?? fallback;
    const max = range.max ?? Number.MAX_SAFE_INTEGER;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < range.min || value > max) {
      const expected =
        range.max === undefined
          ? `an integer of at least ${range.min}`
          : `an integer from ${range.min} to ${range.max}`;
      this.fail(key, expected);
    }
    return value;
  }

  oneOf<const T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.raw(key) ?? fallback;
    const found = choices.find((choice) => choice === value);
    return found ?? this.fail(key, `one of ${choices.map((c) => `'${c}'`).join(', ')}`);
  }

  pem(key: string): (string | Buffer)[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const isPem = (item: unknown) => typeof item === 'string' || Buffer.isBuffer(item);
    if (!list.every(isPem)) this.fail(key, 'PEM text, a Buffer, or a list of them');
    return list;
  }

  /** Certificate authorities in PEM. Node ignores silently what is none, such as a path. */
  authorities(key: string): (string | Buffer)[] | undefined {
    const list = this.pem(key);
    if (list && !list.every(isCertificate)) {
      this.fail(key, 'certificates in PEM (what the file holds, not its path)', 'something else');
    }
    return list;
  }

  nested(key: string, known: readonly string[]): OptionReader {
    return new OptionReader(this.pathOf(key), this.raw(key), known);
  }
}

function isCertificate(pem: string | Buffer): boolean {
  try {
    return pem.includes('-----BEGIN') && new X509Certificate(pem).fingerprint256 !== '';
  } catch {
    return false;
  }
}
