import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { Inbox } from '../../../sample/stand-ins/src/inbox.js';
import { startSmtpInbox, type SmtpInbox } from '../../../sample/stand-ins/src/smtp-inbox.js';

let inbox: Inbox;
let smtp: SmtpInbox;
beforeEach(async () => {
  inbox = new Inbox(3);
  smtp = await startSmtpInbox({ inbox });
});
afterEach(() => smtp.close());

const HELLO = { from: 'Ann <a@example.com>', to: 'b@example.net', subject: 'Hello', text: 'Hi' };

/** By nodemailer alone, so that none of our own transports is trusted here. */
async function send(message: SendMailOptions, url = smtp.url): Promise<string> {
  const { response } = await createTransport(url).sendMail({ ...HELLO, ...message });
  return response;
}

describe('the SMTP stand-in', () => {
  it('puts what it accepts into the inbox', async () => {
    const response = await send({
      cc: 'Cy <c@example.net>',
      bcc: 'd@example.net',
      html: '<img src="cid:dot">',
      attachments: [
        { filename: 'dot.gif', cid: 'dot', content: Buffer.from('GIF'), contentType: 'image/gif' },
      ],
    });
    expect(response).toBe('250 OK: queued as 1');
    expect(inbox.get(1)).toMatchObject({
      transport: 'SMTP',
      from: 'Ann <a@example.com>',
      to: 'b@example.net',
      recipients: ['b@example.net', 'c@example.net', 'd@example.net'],
      subject: 'Hello',
      text: expect.stringContaining('Hi'),
      html: expect.stringContaining('<img src="data:image/gif;base64,R0lG">'),
      attachments: [{ filename: 'dot.gif', contentType: 'image/gif', size: 3 }],
      source: expect.stringMatching(/^From: Ann <a@example.com>\r\n/),
    });
  });

  it('invents no part that the message has not', async () => {
    await send({ text: undefined, html: '<p>Hi</p>' });
    await send({});
    expect(inbox.get(1)?.text).toBeUndefined();
    expect(inbox.get(2)?.html).toBeUndefined();
  });

  it('keeps the newest only', async () => {
    for (const subject of ['1', '2', '3', '4']) await send({ subject });
    expect(inbox.list().map(({ subject }) => subject)).toEqual(['4', '3', '2']);
  });

  it('lets nobody in without its password', async () => {
    const wrong = new URL(smtp.url);
    wrong.password = 'wrong';
    await expect(send({}, wrong.href)).rejects.toMatchObject({ responseCode: 535 });
    wrong.username = wrong.password = '';
    await expect(send({}, wrong.href)).rejects.toMatchObject({ responseCode: 530 });
    expect(inbox.list()).toEqual([]);
  });

  it('refuses recipients called refused, each on its own', async () => {
    await expect(send({ to: 'refused@example.net' })).rejects.toMatchObject({ responseCode: 550 });
    await send({ to: ['refused@example.net', 'b@example.net'] });
    expect(inbox.list()).toMatchObject([{ recipients: ['b@example.net'] }]);
  });
});
