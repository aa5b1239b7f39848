import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeWords } from '../../../lib/message/mime/encoded-words.js';
import type { Mail } from '../../../lib/message/mail.js';
import type { WebApiProvider } from '../../../lib/transports/web-api/web-api.provider.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testMail } from '../../fixtures/mail.js';
import { failure, KEY, rawServer, openTransport, type RawServer } from './helpers.js';

/** The bytes as they go out, read by no HTTP library. */
describe('the wire', () => {
  let server: RawServer;
  let transport: WebApiTransport | undefined;

  beforeEach(async () => {
    server = await rawServer((socket, bytes) => {
      const end = bytes.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(bytes.toString('latin1'));
      if (end < 0 || bytes.length < end + 4 + Number(length?.[1] ?? 0)) return;
      socket.write('HTTP/1.1 202 Accepted\r\nX-Message-Id: id-1\r\nContent-Length: 0\r\n\r\n');
    });
  });

  afterEach(async () => {
    await transport?.destroy();
    await server.close();
  });

  const headOf = (bytes: Buffer): string => {
    const text = bytes.toString('latin1');
    return text.slice(0, text.indexOf('\r\n\r\n'));
  };

  it('holds one request head of known lines, whatever the mail says', async () => {
    const evil = 'x\r\nAuthorization: Bearer evil\r\n\r\nPOST /v3/mail/send HTTP/1.1\r\n';
    const honest = testMail();
    // Not what the door lets through: a mail from a queue that somebody wrote to by hand.
    const mail: Mail = {
      ...honest,
      from: { ...honest.from, name: evil },
      subject: evil,
      text: `${evil}\u760d\u760a`,
      tags: [evil],
      metadata: { [evil]: evil, __proto__: null as never },
      attachments: [
        {
          filename: evil,
          contentType: 'text/plain',
          content: Buffer.from(evil),
          disposition: 'attachment',
          cid: evil,
        },
      ],
    };
    transport = openTransport(server.url);
    await transport.deliver(mail);
    const bytes = server.received[0]!;
    const head = headOf(bytes);
    const body = bytes.subarray(head.length + 4).toString('utf8');
    expect(head.split('\r\n')).toEqual([
      'POST /v3/mail/send HTTP/1.1',
      `host: ${new URL(server.url).host}`,
      'connection: keep-alive',
      `authorization: Bearer ${KEY}`,
      'accept: application/json',
      'user-agent: nestjs-mail-relay',
      'content-type: application/json',
      'accept-encoding: identity',
      `content-length: ${Buffer.byteLength(body)}`,
    ]);
    // JSON escapes every control character, so the body is one line.
    expect(body).not.toMatch(/[\r\n\0]/);
    expect(JSON.parse(body)).toMatchObject({ subject: evil, from: { name: evil } });
  });

  it('keeps characters whose low byte is CR or LF as what they are', async () => {
    transport = openTransport(server.url);
    const mail = testMail({ subject: '\u760d\u760a', headers: { 'X-A': 'a \u760d\u760a b' } });
    await transport.deliver(mail);
    const bytes = server.received[0]!;
    const body = JSON.parse(bytes.subarray(headOf(bytes).length + 4).toString('utf8')) as {
      subject: string;
      headers: Record<string, string>;
    };
    expect(body.subject).toBe('\u760d\u760a');
    expect(body.headers['X-A']).toBe(encodeWords('a \u760d\u760a b'));
  });

  describe('with another provider', () => {
    const provider: WebApiProvider = {
      name: 'other',
      origin: '',
      request: (mail) => ({
        method: 'PUT',
        path: '/send?a=b',
        headers: { 'x-key': 'SECRET', 'content-type': 'text/plain' },
        body: Buffer.from(mail.subject),
      }),
      response: ({ status, headers }, mail) =>
        status === 202
          ? {
              accepted: mail.envelope.to.slice(0, 1),
              rejected: mail.envelope.to.slice(1).map((address) => ({
                address,
                disposition: 'permanent',
                response: 'suppressed',
              })),
              response: 'SECRET ok',
              remoteId: headers['x-message-id']!,
            }
          : {
              code: 'MAIL_SERVICE',
              disposition: 'retry',
              fault: 'transport',
              stage: 'response',
              message: 'no',
            },
      verifyRequest: () => ({ method: 'GET', path: '/health', headers: {} }),
      verifyResponse: () => undefined,
      redact: (text) => text.replaceAll('SECRET', '…'),
    };

    it('says what the provider says', async () => {
      transport = new WebApiTransport({ provider: { ...provider, origin: server.url } });
      const mail = testMail({ to: ['a@x.test', 'b@x.test'], subject: 'Grüße' });
      expect(await transport.deliver(mail)).toEqual({
        transport: `other:${new URL(server.url).host}`,
        accepted: ['a@x.test'],
        rejected: [{ address: 'b@x.test', disposition: 'permanent', response: 'suppressed' }],
        response: '… ok',
        remoteId: 'id-1',
      });
      expect(headOf(server.received[0]!).split('\r\n')[0]).toBe('PUT /send?a=b HTTP/1.1');
      await transport.verify();
    });

    it('makes a body only when it is its turn', async () => {
      let made = 0;
      transport = new WebApiTransport({
        connections: 1,
        provider: {
          ...provider,
          origin: server.url,
          request: (mail) => {
            made += 1;
            return provider.request(mail);
          },
        },
      });
      const first = transport.deliver(testMail());
      const second = transport.deliver(testMail()).catch(() => undefined);
      await new Promise(setImmediate);
      expect(made).toBe(1);
      await first;
      await transport.destroy();
      await second;
    });

    it.each([
      ['path', { path: '/a b\r\nX-Evil: 1' }],
      ['header', { headers: { 'x-key': 'a\r\nX-Evil: 1' } }],
    ])('a line end in its %s never reaches the wire', async (_, part) => {
      transport = new WebApiTransport({
        provider: {
          ...provider,
          origin: server.url,
          request: (mail) => ({ ...(provider.request(mail) as object), ...part }) as never,
        },
      });
      const error = await failure(transport, testMail());
      expect(error).toMatchObject({ code: 'MAIL_UNSUPPORTED', disposition: 'permanent' });
      expect(Buffer.concat(server.received).toString()).not.toContain('X-Evil');
    });
  });
});
