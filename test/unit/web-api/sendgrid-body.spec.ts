import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { encodeWords } from '../../../lib/message/mime/encoded-words.js';
import { createMail } from '../../../lib/message/create-mail.js';
import type { Mail } from '../../../lib/message/mail.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { toSendGridBody } from '../../../lib/transports/web-api/sendgrid/sendgrid-body.js';
import { findLimit } from '../../../lib/transports/web-api/sendgrid/sendgrid-limits.js';
import { checkMailSend } from '../../../sample/stand-ins/src/sendgrid-rules.js';
import { testMail } from '../../fixtures/mail.js';
import { sendableMessages } from './messages.js';
import { optionMessages } from './sendgrid-option-messages.js';

/** The provider's own client's classes; CommonJS, and its types hide what we need. */
const { classes } = createRequire(import.meta.url)('@sendgrid/helpers') as {
  classes: { Mail: new (data: object) => { toJSON(): object } };
};

const NOW = Date.parse('2026-11-23T12:00:00.500Z');

const bodyOf = (mail: Mail, sandbox = false): object =>
  JSON.parse(JSON.stringify(toSendGridBody(mail, NOW, sandbox))) as object;

/**
 * The same message through SendGrid's own client, given as its documentation says, from what the
 * caller wrote and not from our mail. What it takes ready-made, and so cannot be an oracle for:
 * - content: it knows text and html; AMP and calendar go in as `content` entries.
 * - headers: it passes on what it is given, so the Message-ID we chose and the headers we derive
 *   (Sender, In-Reply-To, References, priority) are written out here by hand.
 * - an attachment's content: base64 by the caller. Its keys are in snake case, as in SendGrid's own
 *   examples: the client does not convert inside lists.
 */
function official(message: MailMessage, mail: Mail): object {
  const person = (input: unknown): unknown => {
    const { name, address } = input as { name?: string; address: string };
    return name === undefined ? { email: address } : { email: address, name };
  };
  const people = (input: unknown): unknown[] | undefined =>
    Array.isArray(input) && input.length > 0 ? input.map(person) : undefined;
  const { text, amp, html, icalEvent } = message;
  const replyTo = people(message.replyTo);
  const priority = {
    high: { 'X-Priority': '1 (Highest)', 'X-MSMail-Priority': 'High', Importance: 'High' },
    low: { 'X-Priority': '5 (Lowest)', 'X-MSMail-Priority': 'Low', Importance: 'Low' },
    normal: {},
  }[message.priority ?? 'normal'];
  const data = {
    to: people(message.to),
    cc: people(message.cc),
    bcc: people(message.bcc),
    from: person(message.from),
    ...(replyTo && (replyTo.length === 1 ? { replyTo: replyTo[0] } : { replyToList: replyTo })),
    subject: message.subject,
    content: [
      ...(text === undefined ? [] : [{ type: 'text/plain', value: text }]),
      ...(amp === undefined ? [] : [{ type: 'text/x-amp-html', value: amp }]),
      ...(html === undefined ? [] : [{ type: 'text/html', value: html }]),
      ...(icalEvent
        ? [{ type: `text/calendar; method=${icalEvent.method}`, value: icalEvent.content }]
        : []),
    ],
    attachments: message.attachments?.map((item) => ({
      content: Buffer.from(item.content as Uint8Array).toString('base64'),
      filename: item.filename,
      type: item.contentType,
      disposition: item.contentDisposition ?? (item.cid === undefined ? 'attachment' : 'inline'),
      ...(item.cid === undefined ? {} : { content_id: item.cid }),
    })),
    headers: {
      'Message-ID': mail.messageId,
      ...(message.inReplyTo === undefined ? {} : { 'In-Reply-To': message.inReplyTo }),
      ...(message.references === undefined
        ? {}
        : { References: (message.references as readonly string[]).join(' ') }),
      ...priority,
      ...(message.headers as Record<string, string> | undefined),
    },
    categories: message.tags,
    customArgs: message.metadata,
    ...(message.sendAt === undefined ? {} : { sendAt: (message.sendAt as Date).getTime() / 1000 }),
    ...officialOptions(message, mail),
  };
  return JSON.parse(JSON.stringify(new classes.Mail(data))) as object;
}

/**
 * Settings have the same names there. Its substitutions are wrapped in `{{…}}` unless told otherwise.
 * By hand: names of a version's recipients, its header that is no ASCII, and the mail's headers and
 * custom arguments in each version that has some of its own.
 */
function officialOptions(message: MailMessage, mail: Mail): object {
  const { personalizations, ...options } = message.providerOptions?.sendgrid ?? {};
  const wrappers = { substitutionWrappers: ['', ''] };
  if (!personalizations) return { ...options, ...wrappers };
  const all = [...mail.to, ...mail.cc, ...mail.bcc];
  const people = (addresses: readonly string[] = []): object[] =>
    addresses.map((address) => {
      const { name } = all.find((one) => one.address === address)!;
      return name === undefined ? { email: address } : { email: address, name };
    });
  const { headers } = toSendGridBody(mail, NOW, false);
  return {
    ...options,
    ...wrappers,
    personalizations: personalizations.map(({ to, cc, bcc, sendAt, ...version }) => ({
      ...version,
      ...wrappers,
      to: people(to),
      ...(cc?.length && { cc: people(cc) }),
      ...(bcc?.length && { bcc: people(bcc) }),
      ...(version.headers && { headers: { ...headers, 'X-Version': encodeWords('ä') } }),
      ...(version.customArgs && { customArgs: { ...mail.metadata, ...version.customArgs } }),
      ...(sendAt !== undefined && { sendAt: Date.parse(sendAt as string) / 1000 }),
    })),
  };
}

describe('the body of POST /v3/mail/send', () => {
  it('is what @sendgrid/helpers makes of the same message, and passes SendGrid’s rules', () => {
    fc.assert(
      fc.property(sendableMessages(NOW), (message) => {
        const mail = createMail(message);
        expect(findLimit(mail, NOW)).toBeUndefined();
        const body = bodyOf(mail);
        expect(body).toEqual(official(message, mail));
        expect(checkMailSend(body, NOW)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('is so with SendGrid’s own settings, too', () => {
    fc.assert(
      fc.property(optionMessages(NOW), (message) => {
        const mail = createMail(message);
        expect(findLimit(mail, NOW)).toBeUndefined();
        const body = bodyOf(mail);
        expect(body).toEqual(official(message, mail));
        expect(checkMailSend(body, NOW)).toEqual([]);
        expect(bodyOf(parseMail(JSON.stringify(mail)))).toEqual(body);
      }),
      { numRuns: 300 },
    );
  });

  it('survives the mail’s trip through JSON', () => {
    fc.assert(
      fc.property(sendableMessages(NOW), (message) => {
        const mail = createMail(message);
        expect(JSON.stringify(bodyOf(mail))).toBe(
          JSON.stringify(bodyOf(parseMail(JSON.stringify(mail)))),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('orders the contents as SendGrid and AMP ask for', () => {
    const mail = testMail({
      text: 'text',
      html: '<p>html</p>',
      amp: '<!doctype html><html ⚡4email></html>',
      icalEvent: { method: 'REQUEST', content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR' },
    });
    expect(bodyOf(mail)).toMatchObject({
      content: [
        { type: 'text/plain' },
        { type: 'text/x-amp-html' },
        { type: 'text/html' },
        { type: 'text/calendar; method=REQUEST' },
      ],
    });
    expect(checkMailSend(bodyOf(mail), NOW)).toEqual([]);
  });

  it('carries what has no field of its own as headers, encoded', () => {
    const mail = testMail({
      sender: { name: 'Jörg "J" Müller', address: 'jo@example.com' },
      date: '2026-11-20T10:00:00+01:00',
      inReplyTo: '<a@example.com>',
      references: ['<b@example.com>', '<a@example.com>'],
      priority: 'high',
      headers: { 'X-Note': 'plain, and Grüße aus Köln (schön) here' },
      list: { unsubscribe: 'https://example.com/u' },
    });
    const { headers } = bodyOf(mail) as { headers: Record<string, string> };
    expect(headers).toMatchObject({
      'Message-ID': mail.messageId,
      Date: 'Fri, 20 Nov 2026 09:00:00 +0000',
      Sender: `${encodeWords('Jörg "J" Müller')} <jo@example.com>`,
      'In-Reply-To': '<a@example.com>',
      References: '<b@example.com> <a@example.com>',
      'X-Priority': '1 (Highest)',
      'X-MSMail-Priority': 'High',
      Importance: 'High',
      'X-Note': encodeWords('plain, and Grüße aus Köln (schön) here'),
      'List-Unsubscribe': '<https://example.com/u>',
    });
    expect(checkMailSend(bodyOf(mail), NOW)).toEqual([]);
  });

  it('leaves the Date to SendGrid where the caller fixed none', () => {
    expect(bodyOf(testMail())).not.toHaveProperty('headers.Date');
  });

  it('rounds sendAt up, and drops it once it has passed', () => {
    const at = (sendAt: string) => bodyOf(testMail({ sendAt }));
    expect(at('2026-11-23T12:00:01.001Z')).toHaveProperty(
      'send_at',
      Date.parse('2026-11-23T12:00:02Z') / 1000,
    );
    expect(at('2026-11-23T12:00:00.500Z')).not.toHaveProperty('send_at');
    expect(at('2020-01-01T00:00:00Z')).not.toHaveProperty('send_at');
  });

  it('sends a tag given twice once', () => {
    const mail = { ...testMail(), tags: ['a', 'b', 'a'] };
    expect(bodyOf(mail)).toHaveProperty('categories', ['a', 'b']);
  });

  it('asks for the sandbox only when told to', () => {
    expect(bodyOf(testMail())).not.toHaveProperty('mail_settings');
    expect(bodyOf(testMail(), true)).toHaveProperty('mail_settings', {
      sandbox_mode: { enable: true },
    });
  });

  it('takes hostile keys of metadata as data', () => {
    const metadata = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const body = JSON.stringify(toSendGridBody({ ...testMail(), metadata }, NOW, false));
    expect(body).toContain('"custom_args":{"__proto__":"x","constructor":"y"}');
  });
});
