import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  MailModule,
  MailService,
  type Mail,
  type MailDelivery,
  type MailTransport,
} from '../../../lib/index.js';

/** A transport that holds every mail until told, and remembers how it was closed. */
class HeldTransport implements MailTransport {
  readonly name = 'held';
  readonly calls: string[] = [];
  private readonly held: (() => void)[] = [];

  deliver(mail: Mail): Promise<MailDelivery> {
    return new Promise((resolve) =>
      this.held.push(() =>
        resolve({ transport: this.name, accepted: mail.envelope.to, rejected: [], response: 'ok' }),
      ),
    );
  }

  letGo() {
    for (const release of this.held.splice(0)) release();
  }

  verify = () => Promise.resolve();
  close = () => {
    this.calls.push('close');
    return Promise.resolve();
  };
  destroy = () => {
    this.calls.push('destroy');
    return Promise.resolve();
  };
}

const message = { to: 'jo@example.com', text: 'Hi' };

async function boot(transport: MailTransport, drainTimeoutMs: number) {
  const app = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        transport,
        defaults: { from: 'shop@example.com' },
        shutdown: { drainTimeoutMs },
      }),
    ],
  }).compile();
  return { app, mail: app.get(MailService) };
}

describe('drain', () => {
  it('waits for mail in flight, refuses new mail, then closes politely', async () => {
    const transport = new HeldTransport();
    const { app, mail } = await boot(transport, 60_000);
    const inFlight = mail.send(message);
    const closing = app.close();
    // The hooks before ours run on the microtask queue; the first refusal shows that the drain began.
    let refusal: unknown;
    while (refusal === undefined) {
      await new Promise(setImmediate);
      const probe = mail.send({ ...message, to: 'no address' }).catch((error: unknown) => error);
      refusal =
        ((await probe) as { code: string }).code === 'MAIL_SHUTDOWN' ? await probe : undefined;
    }
    expect(refusal).toMatchObject({ code: 'MAIL_SHUTDOWN', disposition: 'retry' });
    await expect(mail.sendNow(message)).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
    await expect(mail.verify()).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
    expect(transport.calls).toEqual([]);
    transport.letGo();
    expect((await inFlight).status).toBe('sent');
    await closing;
    expect(transport.calls).toEqual(['close']);
  });

  it('aborts and names what is left at the deadline', async () => {
    const transport = new HeldTransport();
    const { app, mail } = await boot(transport, 20);
    const drained: unknown[] = [];
    mail.events$.subscribe((event) => event.type === 'drained' && drained.push(event.summary));
    const inFlight = mail.send(message).catch((error: unknown) => error);
    await app.close();
    expect(await inFlight).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'unknown' });
    expect(drained).toMatchObject([
      {
        sent: 0,
        failed: 0,
        abandoned: [{ recipients: ['jo@example.com'], disposition: 'unknown' }],
      },
    ]);
    expect(transport.calls).toEqual(['destroy']);
  });

  it('may be closed twice, also at the same time', async () => {
    const transport = new HeldTransport();
    const { app, mail } = await boot(transport, 1_000);
    const [first, second] = await Promise.all([mail.drain(1_000), mail.drain(5)]);
    expect(second).toBe(first);
    await app.close();
    await app.close();
    expect(transport.calls).toEqual(['close']);
  });

  it('tears down a transport that does not close in time', async () => {
    const transport = new HeldTransport();
    transport.close = () => {
      transport.calls.push('close');
      return new Promise(() => undefined);
    };
    const { app } = await boot(transport, 0);
    await app.close();
    expect(transport.calls).toEqual(['close', 'destroy']);
  });
});
