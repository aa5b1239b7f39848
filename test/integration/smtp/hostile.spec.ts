import { describe, expect, it } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { MailValidationError } from '../../../lib/base/errors.js';
import { createMail } from '../../../lib/message/create-mail.js';
import type { Mail } from '../../../lib/message/mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import type { ScriptedConnection } from '../../fixtures/scripted-smtp-connection.js';
import { testMail } from '../../fixtures/mail.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();

const INJECTION = 'x\r\nRCPT TO:<evil@evil.test>\r\nDATA';
const LOW_BYTES = 'x\u760d\u760aRCPT TO:<evil@evil.test>';

/** One message for each field that an attacker may get to fill. */
const FIELDS: [string, (text: string) => Partial<MailMessage>][] = [
  ['subject', (text) => ({ subject: text })],
  ['a display name', (text) => ({ to: { name: text, address: 'to@example.net' } })],
  ['an address', (text) => ({ to: { address: `${text}@example.net` } })],
  ['a domain', (text) => ({ to: { address: `to@${text}` } })],
  ['the reverse-path', (text) => ({ envelope: { from: `${text}@example.com` } })],
  ['a recipient of the envelope', (text) => ({ envelope: { to: [`${text}@example.net`] } })],
  ['a header value', (text) => ({ headers: { 'X-Thing': text } })],
  ['a header name', (text) => ({ headers: { [text]: 'value' } })],
  ['a filename', (text) => ({ attachments: [{ filename: text, content: 'x' }] })],
  ['a content id', (text) => ({ html: 'x', attachments: [{ cid: text, content: 'x' }] })],
  ['a content type', (text) => ({ attachments: [{ contentType: text, content: 'x' }] })],
  ['a message id', (text) => ({ messageId: `<${text}@example.com>` })],
  ['a reference', (text) => ({ references: [`<${text}@example.com>`] })],
  ['a list comment', (text) => ({ list: { help: { url: 'https://example.com', comment: text } } })],
];

const SMUGGLERS = [
  'before\n.\nMAIL FROM:<evil@evil.test>\n',
  'before\n.\r\nMAIL FROM:<evil@evil.test>\r\n',
  'before\r.\rMAIL FROM:<evil@evil.test>\r',
  'before\r\n.\rMAIL FROM:<evil@evil.test>',
  'before\r\n.\r\nMAIL FROM:<evil@evil.test>\r\n',
  '.\r\n',
  '..\r\n.x\r\n...',
  `${'x'.repeat(65_530)}\r\n.\r\nMAIL FROM:<evil@evil.test>\r\n`,
];

/** The server saw one ordinary transaction, and not one bare CR or LF. */
function expectOrdinary(connection: ScriptedConnection, mail: Mail): void {
  const verbs = connection.commands.map((line) => line.split(/[ :]/)[0]);
  expect(verbs).toEqual(['EHLO', 'MAIL', ...mail.envelope.to.map(() => 'RCPT'), 'DATA']);
  expect(connection.receivedPlain.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
}

function makeIfValid(message: MailMessage): Mail | undefined {
  try {
    return createMail(message);
  } catch (error) {
    expect(error).toBeInstanceOf(MailValidationError);
    return undefined;
  }
}

describe('an injection', () => {
  const attacks = FIELDS.flatMap(([field, make]) =>
    [INJECTION, 'x\rRSET', 'x\nRSET', 'x\0RSET', LOW_BYTES, 'x> SIZE=1 <y'].map(
      (text) => [JSON.stringify(text), field, make(text)] as const,
    ),
  );

  it.each(attacks)('of %s through %s is refused or harmless', async (_text, _field, part) => {
    const base = { from: 'me@example.com', to: 'to@example.net', subject: 's', text: 't' };
    const mail = makeIfValid({ ...base, ...part });
    if (!mail) return;
    const { server, transport } = await transports.start();
    await transport.deliver(mail).catch(async (error: unknown) => {
      expect(await failureOf(Promise.reject(error as Error))).toMatchObject({
        disposition: 'permanent',
      });
    });
    if (server.messages.length === 0) {
      expect(server.commands).toEqual(['EHLO client.test']);
      return;
    }
    expectOrdinary(server.connections[0]!, mail);
    expect(server.messages[0]!.to).toEqual(mail.envelope.to);
    expect(server.messages[0]!.to).not.toContain('evil@evil.test');
    const header = server.messages[0]!.content.toString('latin1').split('\r\n\r\n')[0]!;
    expect(header).not.toMatch(/^(RCPT|RSET|DATA)/m);
  });

  it('cannot come in through the EHLO name', () => {
    for (const name of ['x\r\nMAIL FROM:<a@b>', 'x\rRSET', 'x\nRSET', 'x y', '']) {
      expect(() => transports.to({ host: 'localhost', name })).toThrow(/`transport\.name`/);
    }
  });
});

describe('a smuggling body', () => {
  const bodies = SMUGGLERS.flatMap((body) => [
    [JSON.stringify(body.slice(-50)), 'text', { text: body }, body] as const,
    [JSON.stringify(body.slice(-50)), 'html', { text: undefined, html: body }, body] as const,
    [
      JSON.stringify(body.slice(-50)),
      'a text attachment',
      { attachments: [{ filename: 'a.txt', content: body }] },
      body,
    ] as const,
  ]);

  it.each(bodies)(
    '%s as %s stays one mail, and says what it said',
    async (_, field, part, body) => {
      const mail = testMail(part);
      const { server, transport } = await transports.start();
      await transport.deliver(mail);
      await transport.close();
      const [connection] = server.connections;
      connection!.commands.pop();
      expectOrdinary(connection!, mail);
      expect(server.transactions).toHaveLength(1);
      const parsed = await simpleParser(server.messages[0]!.content);
      const arrived =
        field === 'text'
          ? parsed.text
          : field === 'html'
            ? parsed.html
            : parsed.attachments[0]!.content;
      expect(lines(String(arrived))).toEqual(lines(body));
    },
  );
});

/** Line ends are the transport's to write; what stands between them is not. */
function lines(text: string): string[] {
  return text.replace(/(\r\n|\r|\n)+$/, '').split(/\r\n|\r|\n/);
}
