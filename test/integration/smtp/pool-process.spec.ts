import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ScriptedSmtpServer,
  type ScriptedSmtpOptions,
} from '../../fixtures/scripted-smtp-server.js';

let server: ScriptedSmtpServer;

afterEach(() => server.close());

/** A process that does nothing but send `count` mails, and says what became of them. */
async function run(script: ScriptedSmtpOptions, pool: object, count: number): Promise<string> {
  server = await ScriptedSmtpServer.start(script);
  const lib = new URL('../../../dist/', import.meta.url).href;
  const options = { host: server.host, port: server.port, pool };
  const program = `
    import { SmtpTransport } from '${lib}transports/smtp/smtp.transport.js';
    import { createMail } from '${lib}message/create-mail.js';
    const transport = new SmtpTransport(${JSON.stringify(options)});
    const mail = () => createMail({ from: 'a@example.com', to: 'b@example.com', text: 'x' });
    const sends = Array.from({ length: ${count} }, () => transport.deliver(mail()));
    for (const { status } of await Promise.allSettled(sends)) console.log(status);
  `;
  const args = ['--input-type=module', '-e', program];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
  return stdout;
}

describe('a process that does nothing but send', () => {
  it('lives until mails that wait for the rate limit have gone, though nothing is connected', async () => {
    // The server hangs up after each mail, so that only a timer is left.
    const script = { capabilities: [], script: { final: { text: '250 ok', drop: 'after' } } };
    const said = await run(
      script as ScriptedSmtpOptions,
      { maxPerSecond: 5, maxConnections: 1 },
      3,
    );
    expect(said).toBe('fulfilled\n'.repeat(3));
  });

  it('ends once its connections have rested long enough', async () => {
    const said = await run({}, { idleTimeoutMs: 50 }, 3);
    expect(said).toBe('fulfilled\n'.repeat(3));
  });
});
