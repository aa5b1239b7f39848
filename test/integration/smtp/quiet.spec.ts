import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedSmtpServer } from '../../fixtures/scripted-smtp-server.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';
import { runProgram } from './process-checks.js';

const transports = smtpTransports();

describe('a run with 50 connections, 500 waiting mails, a route and a drain', () => {
  let servers: ScriptedSmtpServer[] = [];
  afterEach(async () => {
    for (const server of servers) await server.close();
    servers = [];
  });

  it('is clean under --trace-warnings', async () => {
    const slow = { script: { final: { text: '250 ok', delayMs: 20 } } };
    servers = [await ScriptedSmtpServer.start(slow), await ScriptedSmtpServer.start(slow)];
    const [first, second] = servers.map(({ port }) => port);
    const { stdout, stderr } = await runProgram(
      `
      import { createTransport } from '$LIB/transports/transport.factory.js';
      import { createMail } from '$LIB/message/create-mail.js';
      const to = (port) => ({ type: 'smtp', host: '127.0.0.1', port, pool: { maxConnections: 50 } });
      const transport = createTransport({ type: 'route', strategy: 'round-robin', transports: [to(${first}), to(${second})] });
      const { signal } = new AbortController();
      const mail = () => createMail({ from: 'a@example.com', to: 'b@example.com', text: 'x' });
      const sends = Array.from({ length: 550 }, () => transport.deliver(mail(), { signal }));
      await Promise.all(sends.slice(0, 100));
      const closing = transport.close();
      const told = await Promise.allSettled(sends);
      await closing;
      // Torn down while 50 sessions are being opened, each of which listens for that.
      const other = createTransport(to(${second}));
      const torn = Array.from({ length: 200 }, () => other.deliver(mail(), { signal }));
      const ended = Promise.allSettled(torn);
      setTimeout(() => other.destroy(new Error('enough')), 5);
      await ended;
      console.log(told.filter(({ status }) => status === 'fulfilled').length);
      `,
      {},
      ['--trace-warnings'],
    );
    expect(stderr).toBe('');
    expect(stdout).toBe('550\n');
  });
});

describe('secrets of the options', () => {
  it('show in nothing that is inspected, serialised or walked over', async () => {
    const { key, cert } = testCertificates().good;
    const secret = 'sesame-open-7';
    const { transport } = await transports.start(
      { capabilities: ['PIPELINING', 'AUTH PLAIN'], tls: { key, cert } },
      {
        auth: { user: 'jo', pass: secret },
        tls: { rejectUnauthorized: false, key, cert },
      },
    );
    // With open sessions: their sockets keep what they were made with.
    await transport.deliver(testMail());
    const shown = inspect(transport, { depth: 30, showHidden: true, maxArrayLength: null });
    const walked: string[] = [];
    const seen = new Set<unknown>();
    const walk = (value: unknown, depth: number): void => {
      if (typeof value === 'string') walked.push(value);
      if (typeof value !== 'object' || value === null || seen.has(value) || depth > 12) return;
      seen.add(value);
      for (const one of Reflect.ownKeys(value)) {
        if (!Object.prototype.propertyIsEnumerable.call(value, one)) continue;
        walk((value as Record<PropertyKey, unknown>)[one], depth + 1);
      }
    };
    walk(transport, 0);
    const line = key.split('\n')[2]!;
    for (const text of [shown, walked.join('\n')]) {
      expect(text.includes(secret)).toBe(false);
      expect(text.includes(line)).toBe(false);
      expect(text.includes(Buffer.from(`\0jo\0${secret}`).toString('base64'))).toBe(false);
    }
    expect(JSON.stringify({ name: transport.name, capacity: transport.capacity })).not.toContain(
      secret,
    );
  });
});

describe('words of a server', () => {
  const bad =
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

  it.each(['greeting', 'mail', 'rcpt', 'data', 'final'] as const)(
    'at %s reach an error without controls and marks of direction',
    async (step) => {
      const said =
        '550 5.7.1 no\u009b31m\u202egnp.exe\u2066 \u0085next\u2028line \u001b]0;title\u0007';
      const { transport } = await transports.start({ script: { [step]: said } });
      const error = await failureOf(transport.deliver(testMail()));
      expect(error.response).toContain('gnp.exe');
      for (const text of [
        error.message,
        error.response!,
        ...error.rejected.map((r) => r.response),
      ]) {
        expect(text).not.toMatch(bad);
      }
    },
  );

  it('of a receipt too, whatever they are', async () => {
    let words = '';
    const { transport } = await transports.start({ script: { final: () => `250 2.0.0 ${words}` } });
    const odd = fc.string({ unit: 'binary', maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(odd, async (text) => {
        words = text.replace(/[\r\n]/g, ' ');
        const { response } = await transport.deliver(testMail());
        expect(response).not.toMatch(bad);
      }),
      { numRuns: 60 },
    );
  });
});
