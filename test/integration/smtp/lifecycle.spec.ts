import { describe, expect, it } from '@jest/globals';
import { MailShutdownError } from '../../../lib/base/errors.js';
import { testMail } from '../../fixtures/mail.js';
import type { SmtpStep } from '../../fixtures/scripted-smtp-server.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const STUCK = { hang: true } as const;

/** A transport to a server that gets stuck at `step`, with a mail that has come so far. */
async function stuckAt(step: SmtpStep, signal?: AbortSignal) {
  const { server, transport } = await transports.start(
    { capabilities: [], script: { [step]: STUCK } },
    { pool: { maxConnections: 1 } },
  );
  const failure = failureOf(transport.deliver(testMail(), { signal }));
  const verb = { greeting: '', final: '.' }[step as string] ?? step.toUpperCase();
  if (step === 'greeting') await server.until(() => server.connections.length === 1);
  else if (step === 'final') await server.until(() => server.transactions.length === 1);
  else await server.until(() => server.commands.some((line) => line.startsWith(verb)));
  return { server, transport, failure };
}

const STAGES: [SmtpStep, 'retry' | 'unknown', string][] = [
  // The server may know of the connection before the client does.
  ['greeting', 'retry', expect.stringMatching(/^(connect|greeting)$/) as unknown as string],
  ['ehlo', 'retry', 'ehlo'],
  ['mail', 'retry', 'mail'],
  ['rcpt', 'retry', 'rcpt'],
  ['data', 'retry', 'data'],
  ['final', 'unknown', 'reply'],
];

describe('an aborted signal', () => {
  it.each(STAGES)('tears the attempt down at %s: %s', async (step, disposition, stage) => {
    const controller = new AbortController();
    const { server, failure } = await stuckAt(step, controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await failure;
    expect(error).toMatchObject({ code: 'MAIL_ABORTED', disposition, stage });
    expect(error.cause).toBe(reason);
    await server.until(() => server.openConnections === 0);
  });

  it('takes a mail out of the line, and leaves the connection to the others', async () => {
    const { server, transport } = await transports.start({}, { pool: { maxConnections: 1 } });
    const controller = new AbortController();
    const first = transport.deliver(testMail());
    const second = failureOf(transport.deliver(testMail(), { signal: controller.signal }));
    const third = transport.deliver(testMail());
    controller.abort();
    expect(await second).toMatchObject({
      code: 'MAIL_ABORTED',
      disposition: 'retry',
      stage: 'queue',
    });
    await Promise.all([first, third]);
    expect(server.messages).toHaveLength(2);
    expect(server.connections).toHaveLength(1);
  });

  it('that is aborted already starts nothing', async () => {
    const { server, transport } = await transports.start();
    const error = await failureOf(transport.deliver(testMail(), { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'MAIL_ABORTED', stage: 'queue' });
    expect(server.connections).toHaveLength(0);
  });
});

describe('close', () => {
  it('finishes what is in flight and in line, QUITs everywhere, and takes no more', async () => {
    const { server, transport } = await transports.start(
      { script: { final: { delayMs: 20 } } },
      { pool: { maxConnections: 2 } },
    );
    const sends = Promise.all(Array.from({ length: 10 }, () => transport.deliver(testMail())));
    await server.until(() => server.transactions.length > 0);
    const closings = Promise.all([transport.close(), transport.close()]);
    await expect(transport.deliver(testMail())).rejects.toBeInstanceOf(MailShutdownError);
    await expect(transport.verify()).rejects.toBeInstanceOf(MailShutdownError);
    await closings;
    expect(await sends).toHaveLength(10);
    expect(server.messages).toHaveLength(10);
    expect(server.connections.map(({ quit }) => quit)).toEqual([true, true]);
    await server.until(() => server.openConnections === 0);
    await transport.close();
  });

  it('does not wait for ever for the reply to QUIT', async () => {
    const { transport } = await transports.start({ script: { quit: STUCK } });
    await transport.deliver(testMail());
    await transport.close();
  });

  it('closes a transport that was never used', async () => {
    const { server, transport } = await transports.start();
    await transport.close();
    expect(server.connections).toHaveLength(0);
  });
});

describe('destroy', () => {
  it.each(STAGES)('fails a mail at %s: %s', async (step, disposition, stage) => {
    const { server, transport, failure } = await stuckAt(step);
    const waiting = failureOf(transport.deliver(testMail()));
    const reason = new Error('the deadline has passed');
    await Promise.all([transport.destroy(reason), transport.destroy()]);
    const error = await failure;
    expect(error).toMatchObject({ code: 'MAIL_ABORTED', disposition, stage });
    expect(error.cause).toBe(reason);
    expect(await waiting).toMatchObject({
      code: 'MAIL_ABORTED',
      disposition: 'retry',
      stage: 'queue',
    });
    await server.until(() => server.openConnections === 0);
    await expect(transport.deliver(testMail())).rejects.toBeInstanceOf(MailShutdownError);
  });

  it('ends a close that takes too long', async () => {
    const { transport, failure } = await stuckAt('final');
    const closing = transport.close();
    await transport.destroy();
    await closing;
    expect(await failure).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'unknown' });
  });
});

describe('verify', () => {
  it('sends no mail, and tells why the transport is closed', async () => {
    const fine = await transports.start();
    await fine.transport.verify();
    expect(fine.server.commands).toEqual(['EHLO client.test', 'RSET']);
    const bad = await transports.start({ script: { greeting: '554 5.7.1 no' } });
    expect(await failureOf(bad.transport.verify())).toMatchObject({ code: 'MAIL_SERVICE' });
  });
});
