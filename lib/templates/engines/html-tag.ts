import { escapeHtml } from '../html-text.js';

/** Html that `html` made or that somebody vouches for; only this is printed as it is. */
export class SafeHtml {
  constructor(private readonly value: string) {}

  toString(): string {
    return this.value;
  }
}

/** What may stand in `${…}` of `html`. */
export type HtmlValue = string | number | bigint | SafeHtml | false | null | readonly HtmlValue[];

function print(value: unknown, index: number): string {
  if (value instanceof SafeHtml) return value.toString();
  if (value === false || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => print(item, index)).join('');
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new TypeError(
    `value ${index + 1} of html\`…\` is ${value === undefined ? 'missing (undefined)' : `no text but of type ${typeof value}`}; give a string, or null for nothing`,
  );
}

/**
 * Html with every value escaped: html`<p>Hello ${name}</p>`. Lists are joined, `false` and `null`
 * print nothing, and `undefined` is an error, since it is most often a mistake.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  let out = strings[0]!;
  values.forEach((value, index) => (out += print(value, index) + strings[index + 1]!));
  return new SafeHtml(out);
}

/** Html from elsewhere, printed as it is. Never for what a user wrote. */
export function unsafeHtml(text: string): SafeHtml {
  return new SafeHtml(text);
}
