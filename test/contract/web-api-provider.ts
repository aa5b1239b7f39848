import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MAIL_ERROR_CODES, MailDeliveryError } from '../../lib/base/errors.js';
import type { Mail } from '../../lib/message/mail.js';
import type { MailMessage } from '../../lib/message/message.js';
import { createTransport } from '../../lib/transports/transport.factory.js';
import { Providers } from '../../lib/transports/web-api/providers.js';
import type { WebApiManifest } from '../../lib/transports/web-api/web-api.manifest.js';
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
  readonly manifest: WebApiManifest;
  /** Where it is none of ours. */
  readonly own?: boolean;
  readonly key: string;
  /** A stand-in that checks the provider's rules. */
  start(): Promise<ScriptedApi>;
  taken(server: ScriptedApi): readonly TakenMail[];
  /** How the provider words a refusal of the content, with its HTTP status. */
  readonly refusal: { readonly status: number; readonly body: object; readonly words: string };
}

/** What every WebApiProvider does, over real sockets. */
export function webApiProviderContract(given: ProviderUnderTest): void {
  const { manifest, key } = given;
  const { name, title } = manifest;
  const providers = given.own === true ? [manifest] : [];

  describe(`the provider ${name}`, () => {
    let server: ScriptedApi;
    let transport: WebApiTransport;

    const openTransport = (change: object = {}): WebApiTransport => {
      const options = { provider: name, apiKey: key, baseUrl: server.url, ...change };
      const known = new Providers(providers);
      return new WebApiTransport(options as WebApiTransportOptions, 'transport', known);
    };
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
      expect(transport.name).toBe(`${name}:127.0.0.1:${server.port}`);
    });

    it('is known by its manifest alone: options, URL and errors, before its code is loaded', async () => {
      const url = `${name}://${encodeURIComponent(key)}@127.0.0.1:${server.port}?connections=3`;
      const byUrl = createTransport(url, { providers });
      const options = { type: 'web-api', provider: name, apiKey: key, baseUrl: server.url };
      const byOptions = createTransport(options, { providers });
      for (const one of [byUrl, byOptions]) {
        expect(one.name).toBe(transport.name);
        expect(one.bulk?.size).toBe(manifest.bulkSize);
        await one.preload?.();
        await one.deliver(testMail());
        await one.close();
      }
      expect(byUrl.capacity).toBe(3);
      expect(given.taken(server)).toHaveLength(2);
      const fails = (config: unknown, words: string) => {
        expect(() => createTransport(config, { providers })).toThrow(words);
      };
      fails('nobody://KEY@localhost', `${name}://`);
      fails({ type: 'web-api', provider: 'nobody' }, `'${name}'`);
      fails({ type: 'web-api', provider: `${name}s` }, `'${name}'`);
      fails({ ...options, apiKey: undefined }, 'transport.apiKey');
      fails({ ...options, nobodyKnows: 1 }, 'transport.nobodyKnows');
      fails(`${name}://${key}:secret@localhost`, manifest.url.form);
      const provider = (await manifest.load()).create({
        apiKey: key,
        baseUrl: new URL(`https://${manifest.host}/v0/`),
      } as never);
      expect(provider).toMatchObject({ name, origin: `https://${manifest.host}` });
      expect(provider.verifyRequest().path).toMatch(/^\/v0\/[^/]/);
      expect(title.toLowerCase()).toBe(name);
    });

    it('shows its key to nobody who looks at it', async () => {
      await transport.deliver(testMail());
      const provider = (await manifest.load()).create({
        apiKey: key,
        baseUrl: new URL(server.url),
      } as never);
      for (const one of [transport, provider]) {
        const seen = [inspect(one, { depth: 20, showHidden: true }), JSON.stringify(one)].join();
        for (const form of [key, ...forms(key)]) expect(seen).not.toContain(form);
      }
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
      ['providerOptions', { providerOptions: { [name]: { nobodyKnows: 1 } } }],
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
      const all = [key, ...forms(key)].join(' ');
      const echo = { ErrorCode: 300, Message: all, errors: [{ message: all }], error: all };
      server.script({ status: 422, body: echo }, { status: 500, body: all });
      for (const error of [await failure(testMail()), await failure(testMail())]) {
        const shown = `${JSON.stringify(error)} ${error.stack}`;
        for (const form of [key, ...forms(key)]) expect(shown).not.toContain(form);
        expect(shown).toContain('[API key]');
      }
    });

    it('hands on words without what a terminal or a log would act on', async () => {
      const words = 'a\u009b31m\u202eb\u2066\u200b\r\nc';
      const body = { ErrorCode: 300, Message: words, errors: [{ message: words }], error: words };
      server.script({ status: 422, body });
      const error = await failure(testMail());
      expect(`${error.message}${error.response}`).toMatch(/a 31m b c/);
      expect(`${error.message}${error.response}`).not.toMatch(
        /[\u0000-\u001f\u007f-\u009f\u2000-\u206f]/,
      );
    });

    it('says until when an unknown mail may go again, and is not given it twice', async () => {
      const mail = testMail();
      server.script({ drop: 'after-body' });
      const { disposition, safeRetryUntil } = await failure(mail);
      expect(disposition).toBe('unknown');
      const provider = (await manifest.load()).create({
        apiKey: key,
        baseUrl: new URL(server.url),
      } as never);
      if (!provider.idempotency) {
        expect(safeRetryUntil).toBeUndefined();
        return;
      }
      const { header, ttlMs } = provider.idempotency;
      expect(safeRetryUntil).toBe(Date.parse(mail.createdAt) + ttlMs);
      await transport.deliver(mail);
      expect(given.taken(server)).toHaveLength(1);
      const keys = server.requests.map(({ rawHeaders }) => {
        const at = rawHeaders.findIndex((one) => one.toLowerCase() === header);
        return rawHeaders[at + 1];
      });
      expect(keys).toEqual([mail.id, mail.id]);
      // What surely was not accepted needs no such word.
      server.script({ status: 503 });
      expect(await failure(testMail())).toHaveProperty('safeRetryUntil', undefined);
    });
  });
}

/** How a key may be quoted. */
function forms(key: string): string[] {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const padded = [key, `:${key}`, `${key}:`].map(base64);
  return [...padded, ...padded.map((text) => text.replace(/=+$/, ''))];
}
