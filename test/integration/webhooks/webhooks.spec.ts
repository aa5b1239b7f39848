import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger, SetMetadata, VersioningType, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  getMailToken,
  MailModule,
  type MailService,
  type MailFeedbackEvent,
} from '../../../lib/index.js';
import { MailWebhooksModule, type MailWebhooksOptions } from '../../../lib/webhooks/index.js';

const require = createRequire(import.meta.url);
const { json } = require('express') as { json: () => () => void };

/** The provider's own verifier, CommonJS. */
const { EventWebhook } = require('@sendgrid/eventwebhook') as {
  EventWebhook: new () => {
    convertPublicKeyToECDSA(key: string): unknown;
    verifySignature(key: unknown, body: string, signature: string, timestamp: string): boolean;
  };
};

const pair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const { publicKey, privateKey } = pair();
const encoded = (key: KeyObject): string =>
  key.export({ type: 'spki', format: 'der' }).toString('base64');

let id = 0;
const event = (more: object = {}) => ({
  email: 'jo@example.com',
  timestamp: 1_763_900_000,
  event: 'delivered',
  sg_event_id: `event-${(id += 1)}`,
  sg_message_id: 'abc.recvd-1.0',
  ...more,
});

const signed = (body: string, timestamp: string, key = privateKey): string =>
  sign('sha256', Buffer.from(timestamp + body), key).toString('base64');
const seconds = (offset = 0): string => String(Math.floor(Date.now() / 1000) + offset);

interface Post {
  readonly body: string;
  readonly timestamp?: string;
  readonly signature?: string;
  readonly path?: string;
}

let app: NestExpressApplication | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

type Setup = Partial<MailWebhooksOptions> & {
  readonly path?: string;
  readonly mailer?: string;
  readonly decorators?: readonly MethodDecorator[];
  readonly rawBody?: boolean;
  readonly bodyParser?: boolean;
  readonly before?: (app: NestExpressApplication) => void;
};

async function start({ rawBody = true, bodyParser, before, ...options }: Setup = {}) {
  const module = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({ transport: 'memory:' }),
      MailModule.forRoot({ name: 'bulk', transport: 'memory:' }),
      MailWebhooksModule.forRoot({ publicKey: encoded(publicKey), ...options }),
    ],
  }).compile();
  app = module.createNestApplication<NestExpressApplication>({
    rawBody,
    ...(bodyParser !== undefined && { bodyParser }),
  });
  app.useLogger(false);
  before?.(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const told: MailFeedbackEvent[] = [];
  const mail = app.get<MailService>(getMailToken(options.mailer), { strict: false });
  mail.events$.subscribe((one) => {
    if (one.type === 'feedback') told.push(one);
  });
  const post = ({ body, timestamp = seconds(), path = '/webhooks/sendgrid', ...rest }: Post) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'X-Twilio-Email-Event-Webhook-Timestamp': timestamp,
        'X-Twilio-Email-Event-Webhook-Signature': rest.signature ?? signed(body, timestamp),
      },
      body,
    });
  return { post, told, url };
}

describe('the event webhook', () => {
  it('tells each event once, typed', async () => {
    const { post, told } = await start();
    const bounce = event({
      event: 'bounce',
      type: 'bounce',
      reason: '550 5.1.1 no such user',
      status: '5.1.1',
      'smtp-id': '<1@example.com>',
      category: ['welcome', 'b'],
      order: '17',
      attempt: '3',
    });
    const body = `${JSON.stringify([bounce, event({ event: 'open', category: 'one', sg_machine_open: true })], null, 1)}\r\n`;
    const answer = await post({ body });
    expect(answer.status).toBe(204);
    expect(told).toEqual([
      {
        type: 'feedback',
        at: expect.any(Number),
        mailer: undefined,
        provider: 'sendgrid',
        kind: 'bounced',
        event: 'bounce',
        recipient: 'jo@example.com',
        occurredAt: 1_763_900_000_000,
        tags: ['welcome', 'b'],
        metadata: { order: '17' },
        eventId: bounce.sg_event_id,
        messageId: '<1@example.com>',
        remoteId: 'abc',
        reason: '550 5.1.1 no such user',
        enhancedCode: '5.1.1',
        attempt: 3,
      },
      expect.objectContaining({ kind: 'opened', tags: ['one'], byMachine: true, metadata: {} }),
    ]);
    // The same request again, and the same event in another one.
    expect((await post({ body })).status).toBe(204);
    expect((await post({ body: JSON.stringify([bounce, event()]) })).status).toBe(204);
    expect(told.map(({ kind }) => kind)).toEqual(['bounced', 'opened', 'delivered']);
  });

  it.each([
    ['processed', {}, 'processed'],
    ['deferred', {}, 'deferred'],
    ['bounce', { type: 'blocked' }, 'blocked'],
    ['dropped', {}, 'dropped'],
    ['click', { url: 'https://x.test' }, 'clicked'],
    ['spamreport', {}, 'complained'],
    ['unsubscribe', {}, 'unsubscribed'],
    ['group_unsubscribe', {}, 'unsubscribed'],
    ['group_resubscribe', {}, 'resubscribed'],
    ['account_status_change', {}, 'other'],
    ['constructor', { __proto__: null }, 'other'],
  ])('calls %s %j %s', async (name, more, kind) => {
    const { post, told } = await start();
    await post({ body: JSON.stringify([event({ event: name, ...more })]) });
    expect(told).toMatchObject([{ kind, event: name }]);
  });

  const body = JSON.stringify([event()]);
  const now = seconds();
  const zeros = Buffer.from([0x30, 0x06, 0x02, 0x01, 0, 0x02, 0x01, 0]).toString('base64');
  it.each<[string, Post]>([
    [
      'a tampered body',
      { body: body.replace('jo@', 'js@'), timestamp: now, signature: signed(body, now) },
    ],
    [
      'another spelling of the same JSON',
      { body: `${body} `, timestamp: now, signature: signed(body, now) },
    ],
    ['a swapped timestamp', { body, timestamp: seconds(-1), signature: signed(body, now) }],
    ['an old timestamp', { body, timestamp: seconds(-601) }],
    ['a timestamp in the future', { body, timestamp: seconds(660) }],
    ['a timestamp in words', { body, timestamp: 'now' }],
    ['an empty timestamp', { body, timestamp: '' }],
    ['an all-zero signature', { body, signature: zeros }],
    ['64 zero bytes', { body, signature: Buffer.alloc(64).toString('base64') }],
    ['no base64', { body, signature: '-----' }],
    ['an empty signature', { body, signature: '' }],
    ['another key', { body, timestamp: now, signature: signed(body, now, pair().privateKey) }],
    ['nothing', { body: '', signature: zeros }],
  ])('refuses %s', async (_, given) => {
    const { post, told } = await start();
    const answer = await post(given);
    expect(answer.status).toBe(401);
    expect(told).toEqual([]);
  });

  it('refuses a digit moved from the timestamp into the body', async () => {
    const { post } = await start({ rawBody: false, bodyParser: false });
    const given = { body: `${now.slice(-1)}${body}`, timestamp: now.slice(0, -1) };
    expect((await post({ ...given, signature: signed(body, now) })).status).toBe(401);
  });

  it('refuses an unsigned request', async () => {
    const { url, told } = await start();
    const answer = await fetch(`${url}/webhooks/sendgrid`, { method: 'POST', body });
    expect(answer.status).toBe(401);
    expect(told).toEqual([]);
  });

  it.each([['{'], ['{}'], ['null']])('answers 400 to a signed %s', async (text) => {
    const { post, told } = await start({ rawBody: false, bodyParser: false });
    expect((await post({ body: text })).status).toBe(400);
    expect(told).toEqual([]);
  });

  it('tells the rest of a batch in which entries are no events, or have no time', async () => {
    const { post, told } = await start();
    const timestamp = seconds(-5);
    const batch = [1, event(), { email: 'x@example.com' }, null, event({ timestamp: undefined })];
    const body = JSON.stringify([...batch, event({ timestamp: 'soon', event: 'open' })]);
    expect((await post({ body, timestamp })).status).toBe(204);
    const at = Number(timestamp) * 1000;
    expect(told.map(({ kind, occurredAt }) => [kind, occurredAt])).toEqual([
      ['delivered', 1_763_900_000_000],
      ['delivered', at],
      ['opened', at],
    ]);
  });

  it('stays where it is when the app has versions', async () => {
    const { post } = await start({
      before: (one) => one.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    });
    expect((await post({ body: JSON.stringify([event()]) })).status).toBe(204);
    expect((await post({ body: '[]', path: '/v1/webhooks/sendgrid' })).status).toBe(404);
  });

  it('is let through by global guards that its decorators speak to', async () => {
    const guard = (one: NestExpressApplication) => {
      const reflector = new Reflector();
      one.useGlobalGuards({
        canActivate: (context: ExecutionContext) =>
          reflector.getAllAndOverride<boolean>('isPublic', [
            context.getHandler(),
            context.getClass(),
          ]),
      });
    };
    const body = JSON.stringify([event()]);
    const shut = await start({ before: guard });
    expect((await shut.post({ body })).status).toBe(403);
    await app?.close();
    const decorators = [SetMetadata('isPublic', true)];
    const { post, told } = await start({ before: guard, decorators });
    expect((await post({ body })).status).toBe(204);
    expect(told).toHaveLength(1);
    expect((await post({ body, signature: 'AAAA' })).status).toBe(401);
  });

  it('says clearly that a JSON middleware consumed the body, and how to help', async () => {
    const said: unknown[] = [];
    const { post, told } = await start({
      rawBody: false,
      before: (nest) =>
        nest.useLogger({
          log: () => undefined,
          warn: () => undefined,
          error: (message: unknown) => said.push(message),
        }),
    });
    const answer = await post({ body });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({
      message: expect.stringContaining('rawBody: true'),
    });
    expect(said).toContainEqual(expect.stringContaining('rawBody: true'));
    expect(told).toEqual([]);
    Logger.overrideLogger(false);
  });

  it('says so of a middleware before Nest’s own parser, too', async () => {
    const { post, told } = await start({ bodyParser: false, before: (nest) => nest.use(json()) });
    expect((await post({ body })).status).toBe(500);
    expect(told).toEqual([]);
  });

  it('reads the body itself where no parser does', async () => {
    const { post, told } = await start({ rawBody: false, bodyParser: false });
    expect((await post({ body: JSON.stringify([event()]) })).status).toBe(204);
    expect(told).toHaveLength(1);
    const huge = 'x'.repeat(10 * 1024 * 1024 + 1);
    expect((await post({ body: huge })).status).toBe(413);
  });

  it('listens on a path of its own, for a mailer by name', async () => {
    const { post, told } = await start({ path: 'hooks/mail', mailer: 'bulk' });
    const fresh = JSON.stringify([event()]);
    expect((await post({ body: fresh })).status).toBe(404);
    expect((await post({ body: fresh, path: '/hooks/mail' })).status).toBe(204);
    expect(told).toMatchObject([{ mailer: 'bulk', kind: 'delivered' }]);
  });

  it('forgets the oldest event beyond its bound', async () => {
    const { post, told } = await start({ rememberedEvents: 2 });
    const [a, b, c] = [event(), event(), event()];
    await post({ body: JSON.stringify([a, b, c, c, b, a]) });
    expect(told.map(({ eventId }) => eventId)).toEqual(
      [a, b, c, a].map(({ sg_event_id: one }) => one),
    );
  });

  it('keeps hostile custom arguments as data', async () => {
    const { post, told } = await start();
    const hostile = JSON.stringify([event()]).replace('{', '{"__proto__":"x","constructor":"y",');
    await post({ body: hostile });
    expect(Object.keys(told[0]!.metadata)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('agrees with the provider’s own verifier', async () => {
    const { post } = await start();
    const timestamp = seconds();
    const verifier = new EventWebhook();
    const key = verifier.convertPublicKeyToECDSA(encoded(publicKey));
    const texts = [body, `${body}\r\n`, JSON.stringify([event({ reason: 'ä€ \u2028' })])];
    for (const text of texts) {
      const signature = signed(text, timestamp);
      expect(verifier.verifySignature(key, text, signature, timestamp)).toBe(true);
      expect((await post({ body: text, timestamp, signature })).status).toBe(204);
    }
  });

  it.each<[string, Setup, string]>([
    ['no key', { publicKey: '' }, 'publicKey'],
    ['no key of any kind', { publicKey: 'YWJj' }, 'publicKey'],
    [
      'an RSA key',
      { publicKey: encoded(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey) },
      'publicKey',
    ],
    [
      'another curve',
      { publicKey: encoded(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey) },
      'publicKey',
    ],
    ['a short tolerance', { toleranceMs: 10 }, 'toleranceMs'],
    ['an unknown option', { tolerance: 10 } as Setup, 'toleranceMs'],
    ['no decorators', { decorators: ['public'] as never }, 'decorators'],
    ['nobody’s name', { mailer: 'nobody' }, 'mailer'],
  ])('refuses %s when the app is created', async (_, setup, words) => {
    await expect(start(setup)).rejects.toThrow(words);
  });

  it('takes a PEM key, and options from a factory', async () => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const module = await Test.createTestingModule({
      imports: [
        MailModule.forRoot({ transport: 'memory:', isGlobal: true }),
        MailWebhooksModule.forRootAsync({ useFactory: () => ({ publicKey: pem }) }),
      ],
    }).compile();
    app = module.createNestApplication<NestExpressApplication>({ rawBody: true });
    await app.listen(0, '127.0.0.1');
    const timestamp = seconds();
    const text = JSON.stringify([event()]);
    const answer = await fetch(`${await app.getUrl()}/webhooks/sendgrid`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-timestamp': timestamp,
        'x-twilio-email-event-webhook-signature': signed(text, timestamp),
      },
      body: text,
    });
    expect(answer.status).toBe(204);
  });
});
