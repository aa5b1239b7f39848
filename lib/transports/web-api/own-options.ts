import type { OptionReader } from '../../base/option-reader.js';

/** How one option of a provider's own is checked, read from a URL and told in the documentation. */
export interface OwnOption<T> {
  /** One line for the documentation. */
  readonly doc: string;
  /** What stands for it when it is not given, for the documentation. */
  readonly fallback: string;
  /** @throws MailConfigurationError */
  read(reader: OptionReader, key: string): T;
  /** Its value by a URL's parameter. Absent: no parameter stands for it, since it is a secret, or no text. */
  readonly fromText?: (reader: OptionReader, key: string) => unknown;
}

/** Every option of `Own`: the compiler sees to it that none is forgotten. */
export type OwnOptions<Own> = { readonly [K in keyof Own]-?: OwnOption<Own[K]> };

export function flag(doc: string): OwnOption<boolean> {
  return {
    doc,
    fallback: '`false`',
    read: (reader, key) => reader.boolean(key, false),
    fromText: textToBoolean,
  };
}

/** Text that is one line of ASCII: it goes into an HTTP header, or a path. */
export function headerText(doc: string, expected: string): OwnOption<string | undefined> {
  return {
    doc,
    fallback: 'none',
    read: (reader, key) => readHeaderText(reader, key, expected),
    fromText: (reader, key) => reader.optionalString(key),
  };
}

/** Words of visible ASCII with single spaces between them. */
export function readHeaderText(
  reader: OptionReader,
  key: string,
  expected: string,
): string | undefined {
  const value = reader.optionalString(key);
  if (value !== undefined && !/^[!-~]+(?: [!-~]+)*$/.test(value)) {
    reader.fail(key, expected, 'a string that is none');
  }
  return value;
}

/** What proves who asks. It goes into an HTTP header, so nothing but visible ASCII may be in it. */
export function secret(doc: string): OwnOption<string> {
  return {
    doc,
    fallback: 'required',
    read: (reader, key) => {
      const value = reader.string(key);
      if (/^[!-~]+$/.test(value)) return value;
      const expected = 'an API key without spaces or characters outside ASCII';
      return reader.fail(key, expected, 'a string that has some');
    },
  };
}

export function textToNumber(reader: OptionReader, key: string): number | undefined {
  const text = reader.raw(key);
  if (text === undefined) return undefined;
  return typeof text === 'string' && /^\d{1,9}$/.test(text)
    ? Number(text)
    : reader.fail(key, 'a whole number');
}

export function textToBoolean(reader: OptionReader, key: string): boolean | undefined {
  const text = reader.raw(key);
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') reader.fail(key, 'true or false');
  return text === 'true';
}
