import { describe, expect, it } from '@jest/globals';
import { checkMailSend } from '../../../sample/stand-ins/src/sendgrid-rules.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');

const good = {
  personalizations: [
    { to: [{ email: 'a@example.com', name: 'A' }], cc: [{ email: 'b@example.com' }] },
  ],
  from: { email: 'from@example.com', name: 'Doe, Jo' },
  subject: 'Hello',
  content: [
    { type: 'text/plain', value: 'a' },
    { type: 'text/html', value: 'b' },
    { type: 'text/calendar; method=REQUEST', value: 'c' },
  ],
  attachments: [{ content: 'YQ==', filename: 'a.txt', type: 'text/plain', disposition: 'inline' }],
  headers: { 'X-A': 'b' },
  categories: ['a'],
  custom_args: { a: 'b' },
  send_at: NOW / 1000 + 72 * 3600,
  mail_settings: { sandbox_mode: { enable: true } },
};
const to = (...emails: string[]) => [{ to: emails.map((email) => ({ email })) }];
const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}@x.test`);
const file = good.attachments[0]!;

describe('the rules of the SendGrid stand-in', () => {
  it('let a good body pass', () => {
    expect(checkMailSend(good, NOW)).toEqual([]);
    expect(checkMailSend({ ...good, personalizations: to(...many(1000)) }, NOW)).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['an unknown key', { foo: 1 }, 'foo'],
    ['no personalizations', { personalizations: [] }, 'personalizations'],
    ['no to', { personalizations: [{}] }, 'personalizations.0.to'],
    ['1,001 recipients', { personalizations: to(...many(1001)) }, 'personalizations'],
    ['an address twice', { personalizations: to('a@x.test', 'A@x.test') }, 'personalizations.0'],
    ['a bad address', { personalizations: to('a@b@c') }, 'personalizations.0.to.0.email'],
    ['a Unicode address', { personalizations: to('ä@x.test') }, 'personalizations.0.to.0.email'],
    [
      'a comma in a recipient’s name',
      { personalizations: [{ to: [{ email: 'a@x.test', name: 'b, c' }] }] },
      'personalizations.0.to.0.name',
    ],
    ['an unknown key of an address', { from: { email: 'a@x.test', nam: 'b' } }, 'from.nam'],
    ['no from', { from: undefined }, 'from.email'],
    ['two kinds of reply-to', { reply_to: good.from, reply_to_list: [good.from] }, 'reply_to'],
    ['an empty subject', { subject: '' }, 'subject'],
    ['no content', { content: [] }, 'content'],
    ['an empty content', { content: [{ type: 'text/plain', value: '' }] }, 'content.0.value'],
    ['html before text', { content: [good.content[1], good.content[0]] }, 'content'],
    ['text twice', { content: [good.content[0], good.content[0]] }, 'content'],
    [
      'a charset in a content type',
      { content: [{ type: 'text/plain; charset=utf-8', value: 'a' }] },
      'content.0.type',
    ],
    ['no base64', { attachments: [{ ...file, content: 'a' }] }, 'attachments.0.content'],
    ['no file name', { attachments: [{ ...file, filename: '' }] }, 'attachments.0.filename'],
    [
      'another disposition',
      { attachments: [{ ...file, disposition: 'x' }] },
      'attachments.0.disposition',
    ],
    ['a reserved header', { headers: { Subject: 'a' } }, 'headers.Subject'],
    ['a raw Unicode header', { headers: { 'X-A': 'ä' } }, 'headers.X-A'],
    ['a forged header', { headers: { 'X-A': 'a\r\nBcc: b' } }, 'headers.X-A'],
    ['11 categories', { categories: many(11) }, 'categories'],
    ['a category twice', { categories: ['a', 'a'] }, 'categories'],
    ['a long category', { categories: ['a'.repeat(256)] }, 'categories'],
    ['a number in custom_args', { custom_args: { a: 1 } }, 'custom_args'],
    ['long custom_args', { custom_args: { a: 'a'.repeat(10_000) } }, 'custom_args'],
    ['send_at in words', { send_at: 'tomorrow' }, 'send_at'],
    ['send_at after 72 hours', { send_at: NOW / 1000 + 72 * 3600 + 1 }, 'send_at'],
    [
      'a sandbox in words',
      { mail_settings: { sandbox_mode: { enable: 'yes' } } },
      'mail_settings.sandbox_mode',
    ],
  ])('refuse %s', (_, change, field) => {
    const faults = checkMailSend({ ...good, ...change }, NOW);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ field, message: expect.stringMatching(/\w/) });
  });

  it.each([null, 1, 'a', [good]])('refuse %p as a body', (body) => {
    expect(checkMailSend(body, NOW)).toEqual([{ message: 'Bad Request', field: null, help: null }]);
  });
});
