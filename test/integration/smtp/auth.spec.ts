import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { SmtpAuth } from '../../../lib/transports/smtp/options/smtp-security.options.js';
import { testMail } from '../../fixtures/mail.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const user = 'user';
const pass = 'open sesame';

function decoded(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString();
}

describe('AUTH', () => {
  it.each([
    ['PLAIN', 'AUTH PLAIN LOGIN', undefined],
    ['LOGIN', 'AUTH LOGIN', undefined],
    ['LOGIN', 'AUTH PLAIN LOGIN', 'LOGIN'],
    ['CRAM-MD5', 'AUTH CRAM-MD5', undefined],
  ] as const)('%s where the server offers %s', async (expected, offer, method) => {
    const { server, transport } = await transports.start(
      { capabilities: [offer] },
      { auth: { user, pass, method } },
    );
    await transport.deliver(testMail());
    const { auth } = server.connections[0]!;
    expect(auth).toMatchObject({ method: expected, accepted: true });
    if (expected === 'PLAIN') expect(decoded(auth!.responses[0])).toBe(`\0${user}\0${pass}`);
    if (expected === 'LOGIN') expect(auth!.responses.map(decoded)).toEqual([user, pass]);
  });

  it('XOAUTH2 with a token, and with a renewed one when the first is refused', async () => {
    const asked: boolean[] = [];
    const accessToken = (renew: boolean) => {
      asked.push(renew);
      return Promise.resolve(renew ? 'fresh-token' : 'stale-token');
    };
    const { server, transport } = await transports.start(
      {
        capabilities: ['AUTH XOAUTH2'],
        script: {
          auth: ({ line }) => (line.includes(token('stale-token')) ? '334 e30=' : undefined),
        },
      },
      { auth: { user, accessToken } },
    );
    await transport.deliver(testMail());
    expect(asked).toEqual([false, true]);
    expect(server.connections[0]!.auth).toMatchObject({
      accepted: true,
      responses: [token('fresh-token')],
    });
  });

  const dialects: [string, SmtpAuth, string][] = [
    ['PLAIN', { user, pass }, pass],
    ['LOGIN', { user, pass, method: 'LOGIN' }, pass],
    ['XOAUTH2', { user, accessToken: 'secret-token' }, 'secret-token'],
  ];

  it.each(dialects)(
    '%s: 535 and 454 are the fault of the transport, and no secret is told',
    async (method, auth, secret) => {
      for (const code of [535, 454]) {
        // A server that quotes the credentials back, in every form it has seen.
        const { server, transport } = await transports.start(
          {
            capabilities: [`AUTH ${method}`],
            script: {
              auth: ({ connection }) =>
                `${code} 5.7.8 refused ${connection.auth!.responses.join(' ')} ${secret}`,
            },
          },
          { auth },
        );
        const error = await failureOf(transport.deliver(testMail()));
        expect(error).toMatchObject({
          ...{
            code: 'MAIL_AUTH',
            disposition: 'retry',
            fault: 'transport',
            stage: 'auth',
            smtpCode: code,
          },
        });
        const told = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
        expect(told).toContain('refused');
        expect(told).not.toContain(secret);
        expect(told).not.toContain(Buffer.from(secret).toString('base64').replace(/=+$/, ''));
        for (const response of server.connections[0]!.auth!.responses.slice(-1)) {
          expect(told).not.toContain(response);
        }
        expect(server.commands.filter((line) => line.startsWith('MAIL'))).toEqual([]);
      }
    },
  );

  it('fails when the server offers none', async () => {
    const { server, transport } = await transports.start({}, { auth: { user, pass } });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      code: 'MAIL_AUTH',
      stage: 'auth',
    });
    expect(server.commands).toEqual(['EHLO client.test']);
  });

  it('fails when the token provider does, without its secrets', async () => {
    const accessToken = () => Promise.reject(new Error('refused: refresh-me'));
    const { transport } = await transports.start(
      { capabilities: ['AUTH XOAUTH2'] },
      { auth: { user, accessToken, refreshToken: 'refresh-me' } },
    );
    const error = await failureOf(transport.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_AUTH', stage: 'auth' });
    expect(error.message).toContain('refused');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('refresh-me');
  });

  describe('with a token provider that never answers', () => {
    async function stuck(commandMs = 60_000) {
      let asked!: () => void;
      const whenAsked = new Promise<void>((resolve) => (asked = resolve));
      const accessToken = () => {
        asked();
        return new Promise<string>(() => undefined);
      };
      const { server, transport } = await transports.start(
        { capabilities: ['AUTH XOAUTH2'] },
        { auth: { user, accessToken }, timeouts: { commandMs } },
      );
      const failure = failureOf(transport.deliver(testMail()));
      await whenAsked;
      return { server, transport, failure };
    }

    it('fails within commandMs', async () => {
      const { transport, failure } = await stuck(300);
      expect(await failure).toMatchObject({
        code: 'MAIL_AUTH',
        disposition: 'retry',
        stage: 'auth',
      });
      await transport.close();
    });

    it('fails when the server has closed meanwhile', async () => {
      const { server, transport, failure } = await stuck();
      server.disconnectAll();
      expect(await failure).toMatchObject({ code: 'MAIL_CONNECTION_LOST', stage: 'auth' });
      await transport.close();
    });

    it('is torn down by destroy', async () => {
      const { transport, failure } = await stuck();
      await transport.destroy();
      expect(await failure).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
    });
  });

  it('is not hammered: all that wait fail with the first refusal', async () => {
    const { server, transport } = await transports.start(
      { capabilities: ['AUTH PLAIN'], script: { auth: '535 5.7.8 bad credentials' } },
      { auth: { user, pass }, pool: { maxConnections: 2 } },
    );
    const errors = await Promise.all(
      Array.from({ length: 50 }, () => failureOf(transport.deliver(testMail()))),
    );
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['MAIL_AUTH']));
    expect(new Set(errors).size).toBe(50);
    expect(server.connections.length).toBeLessThanOrEqual(2);
  });
});

function token(accessToken: string): string {
  return Buffer.from(`user=${user}\u0001auth=Bearer ${accessToken}\u0001\u0001`).toString('base64');
}
