import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { MailModule, MailService, type MailFeedbackEvent } from '../../../lib/index.js';
import { MailWebhooksModule } from '../../../lib/webhooks/index.js';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const encoded = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

let app: NestFastifyApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(rawBody: boolean) {
  const module = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({ transport: 'memory:' }),
      MailWebhooksModule.forRoot({ publicKey: encoded }),
    ],
  }).compile();
  const adapter = new FastifyAdapter({ bodyLimit: 10 * 1024 * 1024 });
  app = module.createNestApplication<NestFastifyApplication>(adapter, { rawBody });
  app.useLogger(false);
  await app.listen(0, '127.0.0.1');
  const told: MailFeedbackEvent[] = [];
  app.get(MailService, { strict: false }).events$.subscribe((one) => {
    if (one.type === 'feedback') told.push(one);
  });
  const url = `${await app.getUrl()}/webhooks/sendgrid`;
  const post = (body: string, signedBody = body) => {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = sign('sha256', Buffer.from(timestamp + signedBody), privateKey);
    return fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-timestamp': timestamp,
        'x-twilio-email-event-webhook-signature': signature.toString('base64'),
      },
      body,
    });
  };
  return { post, told };
}

const event = (id: string, more: object = {}) => ({
  email: 'jo@example.com',
  timestamp: 1_763_900_000,
  event: 'delivered',
  sg_event_id: id,
  ...more,
});

describe('the event webhook under Fastify', () => {
  it('checks the bytes as they came, and tells each event once', async () => {
    const { post, told } = await start(true);
    // No two JSON writers agree on this spelling: only the raw bytes have this signature.
    const body = `${JSON.stringify([event('1'), event('2', { reason: 'ä€ \u2028' })], null, 3)}\r\n`;
    expect((await post(body)).status).toBe(204);
    expect((await post(body)).status).toBe(204);
    expect(told).toMatchObject([
      { kind: 'delivered', eventId: '1' },
      { kind: 'delivered', eventId: '2', reason: 'ä€ \u2028' },
    ]);
  });

  it('refuses what was not signed', async () => {
    const { post, told } = await start(true);
    const body = JSON.stringify([event('1')]);
    expect((await post(body.replace('jo@', 'js@'), body)).status).toBe(401);
    expect((await post(`${body} `, body)).status).toBe(401);
    expect(told).toEqual([]);
  });

  it('takes a large batch', async () => {
    const { post, told } = await start(true);
    const batch = Array.from({ length: 3_000 }, (_, i) => {
      return event(`e${i}`, { reason: 'x'.repeat(700) });
    });
    expect((await post(JSON.stringify(batch))).status).toBe(204);
    expect(told).toHaveLength(3_000);
  });

  it('says that the body was consumed, and how to help', async () => {
    const { post, told } = await start(false);
    const answer = await post(JSON.stringify([event('1')]));
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({
      message: expect.stringContaining('rawBody: true'),
    });
    expect(told).toEqual([]);
  });
});
