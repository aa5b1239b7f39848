import { afterEach, describe, expect, it } from '@jest/globals';
import { testCertificates } from '../../fixtures/certificates.js';
import { ScriptedSmtpServer } from '../../fixtures/scripted-smtp-server.js';
import { MODE_NAMES, MODES } from './modes.js';
import { runProgram } from './process-checks.js';

let server: ScriptedSmtpServer;
afterEach(() => server.close());

const user = 'jo@example.com';
const pass = 'sesame open 7';
const program = (auth: object) => `
  import { SmtpTransport } from '$LIB/transports/smtp/smtp.transport.js';
  import { createMail } from '$LIB/message/create-mail.js';
  const transport = new SmtpTransport({
    host: '127.0.0.1', port: ${server.port}, auth: ${JSON.stringify(auth)}, tls: { rejectUnauthorized: false },
  });
  const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'private subject', text: 'private words' };
  await transport.deliver(createMail(mail)).catch((error) => console.log(error.code));
  await transport.close();
`;

describe('NODE_DEBUG=nestjs-mail-relay', () => {
  it.each(MODE_NAMES)('shows the protocol (%s), and neither secrets nor content', async (mode) => {
    const capabilities = [...MODES[mode], 'AUTH PLAIN'];
    server = await ScriptedSmtpServer.start({ capabilities, tls: testCertificates().good });
    const env = { NODE_DEBUG: 'nestjs-mail-relay' };
    const { stderr } = await runProgram(program({ user, pass }), env);
    const lines = stderr.split('\n').map((line) => line.replace(/^\S+ \d+: smtp:\S+ #\d+ /, ''));
    for (const expected of [
      ...[
        'C: STARTTLS',
        '-: TLS has begun',
        'C: AUTH PLAIN [secret]',
        'S: 235 2.7.0 authenticated',
      ],
      ...['C: MAIL FROM:<a@example.com>', 'C: RCPT TO:<b@example.com>', 'C: [content, '],
      ...['S: 250 2.1.5 recipient ok', 'C: QUIT'],
    ]) {
      expect(lines.some((line) => line.startsWith(expected)) || expected).toBe(true);
    }
    expect(stderr).not.toMatch(/private/);
    expect(stderr).not.toContain(pass);
    expect(stderr).not.toContain(Buffer.from(`\0${user}\0${pass}`).toString('base64'));
  });

  it.each([
    ['LOGIN', { user, pass, method: 'LOGIN' }, pass],
    ['CRAM-MD5', { user, pass, method: 'CRAM-MD5' }, pass],
    ['XOAUTH2', { user, accessToken: 'token-of-jo' }, 'token-of-jo'],
  ])('shows nothing of %s, even where the server quotes it', async (method, auth, secret) => {
    server = await ScriptedSmtpServer.start({
      capabilities: [`AUTH ${method}`],
      script: {
        auth: ({ connection }) => `535 5.7.8 ${connection.auth!.responses.join(' ')} ${secret}`,
      },
    });
    const env = { NODE_DEBUG: 'nestjs-mail-relay' };
    const { stderr } = await runProgram(program(auth), env);
    expect(stderr).toContain(`C: AUTH ${method} [secret]`);
    expect(stderr).not.toContain(secret);
    expect(stderr).not.toContain(Buffer.from(secret).toString('base64'));
    if (method === 'XOAUTH2') {
      expect(stderr).not.toContain(server.connections[0]!.auth!.responses[0]);
    }
  });

  it('says nothing without it', async () => {
    server = await ScriptedSmtpServer.start();
    const { stderr } = await runProgram(program({ user, pass }), { NODE_DEBUG: 'net-not-us' });
    expect(stderr).not.toContain('nestjs-mail-relay');
    expect(stderr).not.toContain('S: ');
  });
});
