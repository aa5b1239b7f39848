import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { createMail } from '../../../lib/message/create-mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { PostmarkProvider } from '../../../lib/transports/web-api/postmark/postmark.provider.js';
import { isFault } from '../../../lib/transports/web-api/web-api.provider.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import { checkEmail } from '../../../sample/stand-ins/src/postmark-rules.js';
import {
  startPostmarkServer,
  type PostmarkServer,
} from '../../../sample/stand-ins/src/postmark-server.js';
import { testMail } from '../../fixtures/mail.js';
import { sendableMessages } from '../../unit/web-api/messages.js';
import { caught } from './helpers.js';

const apiKey = 'postmark-stand-in';
const provider = new PostmarkProvider({ apiKey, baseUrl: new URL('https://api.postmarkapp.com') });

describe('Postmark', () => {
  let server: PostmarkServer;
  let transport: WebApiTransport;

  beforeEach(async () => {
    server = await startPostmarkServer({ inactive: ['gone@x.test', 'lost@x.test'] });
    transport = new WebApiTransport({ provider: 'postmark', apiKey, baseUrl: server.url });
  });

  afterEach(async () => {
    await transport.destroy();
    await server.close();
  });

  it('names the recipients that it will not deliver to', async () => {
    const some = await transport.deliver(testMail({ to: ['a@x.test', 'gone@x.test'] }));
    expect(some.accepted).toEqual(['a@x.test']);
    expect(some.rejected).toEqual([
      { address: 'gone@x.test', disposition: 'permanent', response: expect.any(String) },
    ]);
    const all = await caught(transport.deliver(testMail({ to: ['gone@x.test', 'lost@x.test'] })));
    expect(all).toMatchObject({ code: 'MAIL_RECIPIENTS', disposition: 'permanent' });
    expect(all.rejected.map(({ address }) => address)).toEqual(['gone@x.test', 'lost@x.test']);
  });

  it.each([
    [100, 'MAIL_SERVICE', 'retry', 'transport'],
    [300, 'MAIL_CONTENT', 'permanent', 'message'],
    [400, 'MAIL_SENDER', 'permanent', 'message'],
    [405, 'MAIL_AUTH', 'retry', 'transport'],
    [412, 'MAIL_AUTH', 'retry', 'transport'],
    [1235, 'MAIL_CONTENT', 'permanent', 'message'],
  ])('means by error %i %s', async (ErrorCode, code, disposition, fault) => {
    server.script({ status: 422, body: { ErrorCode, Message: 'Words.' } });
    expect(await caught(transport.deliver(testMail()))).toMatchObject({
      code,
      disposition,
      fault,
      response: 'Words.',
    });
  });

  it.each<[string, MailMessage]>([
    ['to', { to: Array.from({ length: 51 }, (_, index) => `p${index}@x.test`) }],
    ['sender', { sender: 'bot@x.test' }],
    ['date', { date: '2026-11-20T10:00:00Z' }],
    ['amp', { amp: '<html ⚡4email></html>' }],
    ['icalEvent', { icalEvent: { content: 'BEGIN:VCALENDAR' } }],
    ['text', { text: '' }],
    ['sendAt', { sendAt: new Date(Date.now() + 60_000) }],
    ['tags', { tags: ['a', 'b'] }],
    ['metadata', { metadata: { a: '1', A: '2' } }],
    ['metadata', { metadata: { ['k'.repeat(21)]: '1' } }],
    [
      'attachments[0].contentDisposition',
      {
        attachments: [{ filename: 'a', content: 'a', cid: 'a', contentDisposition: 'attachment' }],
      },
    ],
    [
      'providerOptions.postmark.trackLinks',
      { providerOptions: { postmark: JSON.parse('{"trackLinks":1}') as object } },
    ],
  ])('refuses `%s` that it cannot carry', (field, message) => {
    expect(provider.request(testMail(message))).toMatchObject({
      code: 'MAIL_UNSUPPORTED',
      message: expect.stringContaining(`\`${field}\``),
    });
  });

  it('carries its own settings', async () => {
    const postmark = { messageStream: 'broadcast', trackOpens: true, trackLinks: 'None' } as const;
    await transport.deliver(testMail({ providerOptions: { postmark } }));
    expect(server.accepted[0]?.mail).toMatchObject({
      MessageStream: 'broadcast',
      TrackOpens: true,
      TrackLinks: 'None',
      Headers: expect.arrayContaining([{ Name: 'X-PM-KeepID', Value: 'true' }]),
    });
  });

  it('keeps its own rules over a generated corpus, or says why not', () => {
    let carried = 0;
    fc.assert(
      fc.property(sendableMessages(Date.now()), (message) => {
        const none = { amp: undefined, icalEvent: undefined, sendAt: undefined };
        const tags = message.tags?.slice(0, 1);
        const request = provider.request(createMail({ ...message, ...none, tags }));
        if (isFault(request)) return;
        carried += 1;
        expect(checkEmail(JSON.parse(String(request.body)))).not.toHaveProperty('ErrorCode');
      }),
      { numRuns: 200 },
    );
    expect(carried).toBeGreaterThan(100);
  });

  it('is a URL away', async () => {
    const transport = createTransport(
      `postmark://${apiKey}@127.0.0.1:${server.port}?connections=2`,
    );
    expect((await transport.deliver(testMail())).response).toBe('OK');
    expect(transport.name).toBe(`postmark:127.0.0.1:${server.port}`);
    await transport.close();
    expect(() => createTransport('postmark://x@api.postmarkapp.com?sandbox=true')).toThrow(
      'sandbox',
    );
  });
});
