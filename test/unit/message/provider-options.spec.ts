import { describe, expect, it } from '@jest/globals';
import { MailValidationError } from '../../../lib/base/errors.js';
import { createMail } from '../../../lib/message/create-mail.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';

const base = { from: 'a@example.com', to: 'b@example.com', subject: 'x', text: 'y' };
const made = (providerOptions: unknown, rest: object = base, defaults?: Partial<MailMessage>) =>
  createMail({ ...rest, providerOptions } as MailMessage, { defaults });

function issuesOf(providerOptions: unknown): string[] {
  try {
    made(providerOptions);
  } catch (error) {
    if (error instanceof MailValidationError) return error.issues.map(({ path }) => path);
    throw error;
  }
  return [];
}

function frozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(frozen);
}

describe('providerOptions', () => {
  const options = {
    sendgrid: {
      templateId: 'd-1',
      dynamicTemplateData: { items: [{ n: 1 }, null, true], due: new Date(0) },
      ipPoolName: undefined,
    },
  };
  const expected = {
    sendgrid: {
      templateId: 'd-1',
      dynamicTemplateData: { items: [{ n: 1 }, null, true], due: '1970-01-01T00:00:00.000Z' },
    },
  };

  it('are copied, frozen through and through, and survive storage', () => {
    const mail = made(options);
    expect(mail.providerOptions).toEqual(expected);
    expect(frozen(mail.providerOptions)).toBe(true);
    expect(frozen(options)).toBe(false);
    const stored = parseMail(JSON.stringify(mail));
    expect(stored.providerOptions).toEqual(expected);
    expect(frozen(stored.providerOptions)).toBe(true);
  });

  it('leave no trace where there are none', () => {
    expect(made(undefined)).not.toHaveProperty('providerOptions');
    expect(made({})).not.toHaveProperty('providerOptions');
  });

  it('merge over defaults, key by key of each provider', () => {
    const defaults = { providerOptions: { sendgrid: { batchId: 'a', ipPoolName: 'pool' }, p: {} } };
    const mail = made({ sendgrid: { batchId: 'b' } }, base, defaults);
    expect(mail.providerOptions).toEqual({ sendgrid: { batchId: 'b', ipPoolName: 'pool' }, p: {} });
  });

  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  circle['again'] = [circle, circle];

  it.each<[string, unknown, string]>([
    ['an array', [], 'providerOptions'],
    ['null', null, 'providerOptions'],
    ['text', 'sendgrid', 'providerOptions'],
    ['text for a provider', { sendgrid: 'x' }, 'providerOptions.sendgrid'],
    ['null for a provider', { sendgrid: null }, 'providerOptions.sendgrid'],
    ['an odd name', { 'a b': {} }, 'providerOptions["a b"]'],
    ['a name of Object.prototype', { constructor: {} }, 'providerOptions["constructor"]'],
    ['__proto__', JSON.parse('{"__proto__":{"a":1}}'), 'providerOptions["__proto__"]'],
    [
      '__proto__ deep inside',
      { s: JSON.parse('{"a":{"__proto__":{"x":1}}}') as object },
      'providerOptions.s.a.__proto__',
    ],
    ['a function', { s: { a: () => 1 } }, 'providerOptions.s.a'],
    ['an instance', { s: { a: new Map() } }, 'providerOptions.s.a'],
    ['a symbol', { s: { a: Symbol('a') } }, 'providerOptions.s.a'],
    ['NaN', { s: { a: [Number.NaN] } }, 'providerOptions.s.a[0]'],
    ['an invalid date', { s: { a: new Date(Number.NaN) } }, 'providerOptions.s.a'],
    ['a lone surrogate', { s: { a: '\ud800' } }, 'providerOptions.s.a'],
  ])('refuse %s', (_, value, path) => {
    expect(issuesOf(value)).toEqual([path]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('end a circle and endless data with one issue', () => {
    expect(issuesOf({ s: circle })).toHaveLength(1);
    expect(issuesOf({ s: { a: Array<number>(300_000).fill(0) } })).toHaveLength(1);
  });

  it('count towards the size', () => {
    const message = { ...base, providerOptions: { s: { a: 'x'.repeat(5000) } } };
    expect(() => createMail(message, { maxBytes: 4000 })).toThrow('providerOptions: makes');
  });

  it('may be all the content, which SMTP then refuses to carry', async () => {
    const { from, to } = base;
    const mail = made(options, { from, to });
    const smtp = new SmtpTransport({ host: '127.0.0.1', port: 1 });
    await expect(smtp.deliver(mail)).rejects.toMatchObject({ code: 'MAIL_UNSUPPORTED' });
    await smtp.close();
    expect(() => made(undefined, { from, to })).toThrow('there is no content');
  });
});
