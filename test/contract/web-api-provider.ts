import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MAIL_ERROR_CODES, MailDeliveryError } from '../../lib/base/errors.js';
import type { Mail } from '../../lib/message/mail.js';
import type { MailMessage } from '../../lib/message/message.js';
import type { WebApiTransportOptions } from '../../lib/transports/web-api/web-api.options.js';
import { WebApiTransport } from '../../lib/transports/web-api/web-api.transport.js';
import type { ScriptedApi } from '../../sample/stand-ins/src/scripted-api.js';
import { testMail } from '../fixtures/mail.js';

/** What a provider's stand-in took, in one form for all. */
export interface TakenMail {
  readonly id: string;
  readonly messageId: string | undefined;
  readonly recipients: readonly string[];
  readonly subject: string | undefined;
  readonly text: string | undefined;
  readonly files: readonly { readonly name: string; readonly base64: string }[];
}

export interface ProviderUnderTest {
  readonly provider: 'sendgrid' | 'postmark';
  readonly key: string;
  /** A stand-in that checks the provider's rules. */
  start(): Promise<ScriptedApi>;
  taken(server: ScriptedApi): readonly TakenMail[];
  /** How the provider words a refusal of the content, with its HTTP status. */
  readonly refusal: { readonly status: number; readonly body: object; readonly words: string };
}

/** What every WebApiProvider does, over real sockets. */
export function webApiProviderContract(given: ProviderUnderTest): void {
  describe(`the provider ${given.provider}`, () => {
    let server: ScriptedApi;
    let transport: WebApiTransport;

    const openTransport = (options: Partial<WebApiTransportOptions> = {}): WebApiTransport =>
      new WebApiTransport({
        provider: given.provider,
        apiKey: given.key,
        baseUrl: server.url,
        ...options,
      });
    const failure = async (mail: Mail, by = transport): Promise<MailDeliveryError> => {
      const error: unknown = await by.deliver(mail).catch((reason: unknown) => reason);
      if (!(error instanceof MailDeliveryError)) throw new Error('no failure', { cause: error });
      expect(Object.keys(MAIL_ERROR_CODES)).toContain(error.code);
      return error;
    };

    beforeEach(async () => {
      server = await given.start();
      transport = openTransport();
    });

    afterEach(async () => {
      await transport.destroy();
      await server.close();
    });

    it('carries a whole mail, and says who took it under which id', async () => {
      const mail = testMail({
        from: { name: 'Jörg "J" Müller', address: 'jo@example.com' },
        to: [{ name: 'A Ö', address: 'a@example.net' }, 'b@example.net'],
        cc: 'c@example.net',
        bcc: 'd@example.net',
        replyTo: ['r@example.net', 's@example.net'],
        subject: 'Grüße 👩‍👩‍👧',
        text: 'text \u760d\r\n.\r\n',
        html: '<p>html</p>',
        inReplyTo: '<x@example.com>',
        references: ['<w@example.com>', '<x@example.com>'],
        priority: 'high',
        headers: { 'X-Note': 'schön' },
        list: { unsubscribe: 'https://example.com/u' },
        attachments: [
          { filename: 'ä.txt', content: 'a', contentType: 'text/plain' },
          { filename: 'b.png', content: 'b', contentType: 'image/png', cid: 'pic' },
        ],
        tags: ['welcome'],
        metadata: { order: '17' },
      });
      const delivery = await transport.deliver(mail);
      const [taken] = given.taken(server);
      expect(given.taken(server)).toHaveLength(1);
      expect(taken).toEqual({
        id: delivery.remoteId,
        messageId: mail.messageId,
        recipients: ['a@example.net', 'b@example.net', 'c@example.net', 'd@example.net'],
        subject: mail.subject,
        text: mail.text,
        files: [
          { name: 'ä.txt', base64: 'YQ==' },
          { name: 'b.png', base64: 'Yg==' },
        ],
      });
      expect(delivery).toMatchObject({
        transport: transport.name,
        accepted: mail.envelope.to,
        rejected: [],
      });
      expect(transport.name).toBe(`${given.provider}:127.0.0.1:${server.port}`);
    });

    it.each<[string, MailMessage]>([
      ['envelope.from', { envelope: { from: 'bounce@example.com' } }],
      ['envelope.to', { envelope: { to: 'other@example.com' } }],
      ['to', { to: [], bcc: 'a@example.com' }],
      ['to', { to: 'jörg@example.com' }],
      ['attachments[0].filename', { attachments: [{ content: 'a' }] }],
      ['tags', { tags: Array.from({ length: 11 }, (_, index) => `t${index}`) }],
      ['metadata', { metadata: { a: 'x'.repeat(10_001) } }],
      ['sendAt', { sendAt: new Date(Date.now() + 100 * 3_600_000) }],
      ['dsn', { dsn: { notify: 'never' } }],
      ['requireTLSExtensionEnabled', { requireTLSExtensionEnabled: true }],
      ['providerOptions', { providerOptions: { [given.provider]: { nobodyKnows: 1 } } }],
    ])('refuses `%s` that it cannot carry, without a request', async (field, message) => {
      const error = await failure(testMail(message));
      expect(error).toMatchObject({
        code: 'MAIL_UNSUPPORTED',
        disposition: 'permanent',
        fault: 'message',
        stage: 'request',
      });
      expect(error.message).toContain(`\`${field}`);
      expect(server.requests).toHaveLength(0);
    });

    it('surfaces its own words of a refusal', async () => {
      const { status, body, words } = given.refusal;
      server.script({ status, body });
      expect(await failure(testMail())).toMatchObject({
        code: 'MAIL_CONTENT',
        disposition: 'permanent',
        fault: 'message',
        httpStatus: status,
        message: expect.stringContaining(words),
        response: expect.stringContaining(words),
      });
    });

    const onTransport = { disposition: 'retry', fault: 'transport' };
    it.each([
      [204, 'MAIL_PROTOCOL', { disposition: 'unknown', fault: 'transport' }],
      [301, 'MAIL_PROTOCOL', onTransport],
      [401, 'MAIL_AUTH', onTransport],
      [403, 'MAIL_AUTH', onTransport],
      [404, 'MAIL_PROTOCOL', onTransport],
      [408, 'MAIL_TIMEOUT', onTransport],
      [413, 'MAIL_CONTENT', { disposition: 'permanent', fault: 'message' }],
      [429, 'MAIL_RATE', onTransport],
      [500, 'MAIL_SERVICE', onTransport],
      [503, 'MAIL_SERVICE', onTransport],
    ] as const)('takes a bare %i for %s', async (status, code, meaning) => {
      server.script({ status, body: '<html>' });
      const error = await failure(testMail());
      expect(error).toMatchObject({ code, ...meaning, httpStatus: status, stage: 'response' });
      expect(server.requests).toHaveLength(1);
    });

    it('says how long a 429 and a 503 ask to wait', async () => {
      server.script(
        { status: 503, headers: { 'Retry-After': '7' } },
        { status: 429, headers: { 'Retry-After': '600' } },
      );
      expect(await failure(testMail())).toHaveProperty('retryAfterMs', 7000);
      expect(await failure(testMail())).toHaveProperty('retryAfterMs', 600_000);
    });

    it('does not know what became of a mail whose answer was lost', async () => {
      server.script({ drop: 'after-body' });
      expect(await failure(testMail())).toMatchObject({
        disposition: 'unknown',
        fault: 'transport',
      });
      expect(given.taken(server)).toHaveLength(1);
    });

    it('takes a 200 of somebody else’s for no acceptance', async () => {
      server.script({ status: 200, body: 'It works!' });
      expect(await failure(testMail())).toMatchObject({
        code: 'MAIL_PROTOCOL',
        disposition: 'unknown',
      });
    });

    it('verifies its key, and sends nothing', async () => {
      await transport.verify();
      const wrong = openTransport({ apiKey: 'wrong' });
      await expect(wrong.verify()).rejects.toMatchObject({ code: 'MAIL_AUTH', fault: 'transport' });
      expect(await failure(testMail(), wrong)).toMatchObject({
        code: 'MAIL_AUTH',
        disposition: 'retry',
      });
      await wrong.close();
      server.script({ status: 200, body: 'It works!' });
      await expect(transport.verify()).rejects.toMatchObject({ disposition: 'retry' });
      expect(given.taken(server)).toHaveLength(0);
    });

    it('keeps its key out of every error', async () => {
      const echo = { ErrorCode: 300, Message: given.key, errors: [{ message: given.key }] };
      server.script({ status: 422, body: echo }, { status: 500, body: given.key });
      for (const error of [await failure(testMail()), await failure(testMail())]) {
        const shown = `${JSON.stringify(error)} ${error.stack}`;
        expect(shown).not.toContain(given.key);
        expect(shown).toContain('[API key]');
      }
    });
  });
}
