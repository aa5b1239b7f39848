import { afterEach, describe, expect, it } from '@jest/globals';
import { testMail } from '../../fixtures/mail.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';
import { RealSmtpServer } from '../../fixtures/smtp-server.js';

const transports = smtpTransports();
let real: RealSmtpServer | undefined;

afterEach(async () => {
  await real?.close();
  real = undefined;
});

/** A promise, and what lets it go. */
function gate() {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

function subjects(contents: readonly { content: Buffer }[]): (string | undefined)[] {
  return contents.map(({ content }) => /^Subject: (.*)\r$/m.exec(content.toString())?.[1]);
}

describe('the pool', () => {
  it('opens nothing until there is mail, and at most maxConnections for 2,000 mails', async () => {
    real = await RealSmtpServer.start();
    const transport = transports.to({ host: real.host, port: real.port, pool: { maxMessages: 0 } });
    expect(real.connections).toBe(0);
    const mails = Array.from({ length: 2000 }, () => testMail());
    const deliveries = await Promise.all(mails.map((mail) => transport.deliver(mail)));
    expect(deliveries.every(({ accepted }) => accepted.length === 1)).toBe(true);
    expect(real.connections).toBe(5);
    expect(subjects(real.received).sort()).toEqual(mails.map(({ subject }) => subject).sort());
  });

  it('replaces a connection after maxMessages', async () => {
    const { server, transport } = await transports.start(
      {},
      { pool: { maxMessages: 3, maxConnections: 1 } },
    );
    await Promise.all(Array.from({ length: 8 }, () => transport.deliver(testMail())));
    await transport.close();
    expect(server.messages).toHaveLength(8);
    const mails = server.connections.map(({ wireContents }) => wireContents.length);
    expect(mails).toEqual([3, 3, 2]);
    expect(server.connections.every(({ quit }) => quit)).toBe(true);
  });

  it('serves mails in the order they came', async () => {
    const { server, transport } = await transports.start({}, { pool: { maxConnections: 1 } });
    const mails = Array.from({ length: 10 }, () => testMail());
    await Promise.all(mails.map((mail) => transport.deliver(mail)));
    expect(subjects(server.messages)).toEqual(mails.map(({ subject }) => subject));
  });

  it('reaps connections that rest', async () => {
    const { server, transport } = await transports.start({}, { pool: { idleTimeoutMs: 50 } });
    await transport.deliver(testMail());
    await server.until(() => server.connections[0]!.quit);
    await server.until(() => server.openConnections === 0);
    await transport.deliver(testMail());
    expect(server.connections).toHaveLength(2);
  });

  it('bounds what waits: past maxQueued a mail is refused at once', async () => {
    const held = gate();
    const { server, transport } = await transports.start(
      { script: { final: { hold: held.promise } } },
      { pool: { maxConnections: 1, maxQueued: 2 } },
    );
    const taken = [1, 2, 3].map(() => transport.deliver(testMail()));
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_RATE', disposition: 'retry', stage: 'queue' },
    });
    held.open();
    await Promise.all(taken);
    expect(server.messages).toHaveLength(3);
  });

  it('goes on over the connections it has when the server takes no more of them', async () => {
    const { server, transport } = await transports.start({
      script: {
        greeting: ({ count }) =>
          count > 2 ? { text: '421 4.7.0 too many', drop: 'after' } : undefined,
      },
    });
    const mails = Array.from({ length: 40 }, () => transport.deliver(testMail()));
    await Promise.all(mails);
    expect(server.messages).toHaveLength(40);
    expect(server.connections.length).toBeLessThanOrEqual(5);
  });
});

describe('an idle connection that the server has closed', () => {
  it('is replaced without the caller noticing', async () => {
    const { server, transport } = await transports.start();
    await transport.deliver(testMail());
    server.disconnectAll();
    // Straight on: whether the end is noticed before or after MAIL is written must not matter.
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(2);
    expect(server.connections).toHaveLength(2);
  });

  it.each([
    ['lost', { drop: 'before' }],
    ['reset', { drop: 'reset' }],
    ['answered 421', { text: '421 4.4.2 idle for too long', drop: 'after' }],
  ] as const)('is replaced when MAIL is %s on it', async (_, reply) => {
    const { server, transport } = await transports.start({
      script: { mail: ({ count }) => (count === 2 ? reply : undefined) },
    });
    await transport.deliver(testMail());
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(2);
    expect(server.connections).toHaveLength(2);
  });

  it('is replaced within a bound', async () => {
    const { server, transport } = await transports.start({
      script: { mail: ({ count }) => (count > 1 ? { drop: 'before' } : undefined) },
    });
    await transport.deliver(testMail());
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      code: 'MAIL_CONNECTION_LOST',
    });
    expect(server.connections).toHaveLength(3);
  });

  it('is replaced, too, when it is lost between answers: no content was sent', async () => {
    const { server, transport } = await transports.start({
      script: { rcpt: ({ count }) => (count === 2 ? { drop: 'before' } : undefined) },
    });
    await transport.deliver(testMail());
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(2);
    expect(server.connections).toHaveLength(2);
  });
});
