import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  MailModule,
  MailService,
  type MailEvent,
  type MailTransportConfig,
} from '../../../lib/index.js';
import { closedPort } from '../../fixtures/dropped-port.js';
import { nextHops } from './helpers.js';

const hops = nextHops();
let app: TestingModule | undefined;
afterEach(() => app?.close());

async function service(transport: MailTransportConfig): Promise<MailService> {
  const module = MailModule.forRoot({ transport, defaults: { from: 'a@example.com' } });
  app = await Test.createTestingModule({ imports: [module] }).compile();
  await app.init();
  return app.get(MailService);
}

const message = { to: 'b@example.net', subject: 'Hello', text: 'Hello' };

describe('a route under MailService', () => {
  it('puts every hop on the receipt and into events', async () => {
    const api = await hops.webApi();
    const port = await closedPort();
    const mail = await service(
      `failover:(smtp://127.0.0.1:${port} sendgrid://SG.stand-in@127.0.0.1:${api.port})`,
    );
    const events: MailEvent[] = [];
    mail.events$.subscribe((event) => events.push(event));
    const receipt = await mail.send(message);

    const [smtp, webApi] = [`smtp:127.0.0.1:${port}`, `sendgrid:127.0.0.1:${api.port}`];
    const error = { code: 'MAIL_CONNECT', disposition: 'retry', message: expect.any(String) };
    expect(receipt.hops).toEqual([
      {
        transport: smtp,
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        durationMs: expect.any(Number),
        outcome: 'failed',
        error,
      },
      {
        transport: webApi,
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        durationMs: expect.any(Number),
        outcome: 'accepted',
        response: expect.any(String),
        remoteId: api.accepted[0]!.id,
      },
    ]);
    const { id, messageId } = receipt;
    expect(events.map(({ type }) => type)).toEqual(['attempt', 'hop', 'hop', 'sent']);
    expect(events[1]).toMatchObject({ id, messageId, transport: smtp, outcome: 'failed', error });
    expect(events[2]).toMatchObject({ id, messageId, transport: webApi, outcome: 'accepted' });
    expect(events[3]).toMatchObject({ id, messageId, transport: webApi });
  });

  it('tells the hops of a mail that no transport took', async () => {
    const [a, b] = [await closedPort(), await closedPort()];
    const mail = await service(`failover:(smtp://127.0.0.1:${a} smtp://127.0.0.1:${b})`);
    const events: MailEvent[] = [];
    mail.events$.subscribe((event) => events.push(event));
    await expect(mail.send(message)).rejects.toMatchObject({
      disposition: 'retry',
      fault: 'transport',
    });
    expect(events.map(({ type }) => type)).toEqual([
      'attempt',
      'hop',
      'hop',
      'attempt-failed',
      'failed',
    ]);
  });

  it('verifies every transport, those within inner routes too', async () => {
    const api = await hops.webApi();
    const port = await closedPort();
    const mail = await service(
      `failover:(fastest:(smtp://127.0.0.1:${port} sendgrid://SG.stand-in@127.0.0.1:${api.port}) memory:)`,
    );
    expect(await mail.verify()).toEqual([
      {
        transport: `smtp:127.0.0.1:${port}`,
        ok: false,
        durationMs: expect.any(Number),
        error: expect.objectContaining({ code: 'MAIL_CONNECT' }),
      },
      { transport: `sendgrid:127.0.0.1:${api.port}`, ok: true, durationMs: expect.any(Number) },
      { transport: 'memory', ok: true, durationMs: expect.any(Number) },
    ]);
    expect(api.accepted).toHaveLength(0);
  });
});
