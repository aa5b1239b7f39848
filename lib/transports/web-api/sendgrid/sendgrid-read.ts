import type { OptionReader } from '../../../base/option-reader.js';

/** Bytes of a value as the request's JSON. */
export function utf8Size(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Any text: it goes into JSON, so that nothing in it can do harm. */
export function readText(reader: OptionReader, key: string): string | undefined {
  const value = reader.raw(key);
  if (value === undefined || typeof value === 'string') return value;
  return reader.fail(key, 'a string');
}

export function readStrings(
  reader: OptionReader,
  key: string,
): Readonly<Record<string, string>> | undefined {
  const value = reader.raw(key);
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return reader.fail(key, 'an object of strings');
  }
  for (const [name, item] of Object.entries(value) as [string, unknown][]) {
    if (typeof item !== 'string') reader.fail(key, 'an object of strings', `no string in ${name}`);
  }
  return value as Readonly<Record<string, string>>;
}
