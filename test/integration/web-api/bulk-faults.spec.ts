import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import { systemClock } from '../../../lib/base/clock.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import { MailService } from '../../../lib/service/mail.service.js';
import type { MailBulkMessage, MailBulkRecipient } from '../../../lib/message/bulk.js';
import type { MailTransport } from '../../../lib/transports/transport.js';
import { create } from '../../../lib/transports/web-api/sendgrid/sendgrid.provider.js';
import type {
  WebApiBulk,
  WebApiProvider,
} from '../../../lib/transports/web-api/web-api.provider.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { startPostmarkServer } from '../../../sample/stand-ins/src/postmark-server.js';
import { startSendGridServer } from '../../../sample/stand-ins/src/sendgrid-server.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';
import { eventually, nextHops } from '../route/helpers.js';
import { KEY, openTransport } from './helpers.js';

const hops = nextHops();
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const message: MailBulkMessage = { from: 'shop@example.com', subject: 'S', text: 'T' };

async function send(
  transport: MailTransport,
  people: readonly MailBulkRecipient[],
  given: MailBulkMessage = message,
) {
  const maxMessageBytes = 40 * 1024 * 1024;
  const parts = { transport, events: new EventBus(), clock: systemClock, maxMessageBytes };
  const service = new MailService(parts);
  const outcomes = await lastValueFrom(service.sendBulk(given, people).pipe(toArray()));
  return outcomes
    .toSorted((a, b) => a.index - b.index)
    .map((one) => (one.status === 'sent' ? 'sent' : one.error));
}

const people = (count: number) => Array.from({ length: count }, (_, i) => `p${i}@example.net`);

describe('a recipient whose part is too large', () => {
  it('fails alone over SendGrid, and the rest go', async () => {
    const server = await startSendGridServer();
    const transport = openTransport(server.url);
    closing.push(
      () => server.close(),
      () => transport.destroy(),
    );
    const large = { to: 'large@example.net', context: { text: 'x'.repeat(31 * 1024 * 1024) } };
    const template = {
      from: 'a@example.com',
      providerOptions: { sendgrid: { templateId: 'd-1' } },
    };
    const [a, b, c] = await send(transport, ['a@example.net', large, 'c@example.net'], template);
    expect([a, c]).toEqual(['sent', 'sent']);
    expect(b).toMatchObject({ code: 'MAIL_UNSUPPORTED', disposition: 'permanent' });
    expect((b as Error).message).toContain('`context`');
  });

  it('fails before it is sent over Postmark, which takes 10 MB for one mail', async () => {
    const server = await startPostmarkServer();
    const transport = new WebApiTransport({
      provider: 'postmark',
      apiKey: 'postmark-stand-in',
      baseUrl: server.url,
    });
    closing.push(
      () => server.close(),
      () => transport.destroy(),
    );
    const content = Buffer.alloc(9 * 1024 * 1024);
    const attachments = [{ filename: 'a.bin', content }];
    const [one] = await send(transport, people(1), { ...message, attachments });
    expect(one).toMatchObject({ code: 'MAIL_UNSUPPORTED', disposition: 'permanent' });
    expect(server.requests).toHaveLength(0);

    const text = { from: 'a@example.com', subject: 'S', text: 'a'.repeat(5 * 1024 * 1024) };
    const html = { ...text, html: '"'.repeat(4 * 1024 * 1024) };
    const both = await send(transport, people(2), html);
    expect(both).toMatchObject(Array(2).fill({ code: 'MAIL_UNSUPPORTED' }));
    expect(server.requests).toHaveLength(0);
    expect(await send(transport, people(2))).toEqual(['sent', 'sent']);
  });
});

describe('a provider of the user’s own with a fault in bulk', () => {
  async function withBulk(change: (bulk: WebApiBulk) => Partial<WebApiBulk>) {
    const server = await startSendGridServer();
    const settings = { apiKey: KEY, baseUrl: new URL(server.url) };
    const own: WebApiProvider = create(settings);
    const bulk = { ...own.bulk!, ...change(own.bulk!) };
    Object.defineProperty(own, 'bulk', { value: bulk });
    const transport = new WebApiTransport({ provider: own });
    closing.push(
      () => server.close(),
      () => transport.destroy(),
    );
    return { server, transport };
  }

  it('does not send again what its reading of the answer failed on', async () => {
    const { server, transport } = await withBulk(() => ({
      response: () => {
        throw new TypeError('odd');
      },
    }));
    const unknown = { disposition: 'unknown', fault: 'transport', code: 'MAIL_PROTOCOL' };
    expect(await send(transport, people(3))).toMatchObject(Array(3).fill(unknown));
    expect(server.requests).toHaveLength(1);
  });

  it('does not send again what its answer says nothing of', async () => {
    const { server, transport } = await withBulk((bulk) => ({
      response: (answer, shared, entries) => bulk.response(answer, shared, entries).slice(0, 1),
    }));
    const [first, ...others] = await send(transport, people(3));
    expect(first).toBe('sent');
    expect(others).toMatchObject(Array(2).fill({ disposition: 'unknown' }));
    expect(server.requests).toHaveLength(1);
  });

  it('is not asked for ever when it takes nobody', async () => {
    const { server, transport } = await withBulk((bulk) => ({
      request: (shared, entries) =>
        ({ ...(bulk.request(shared, entries) as object), taken: 0 }) as never,
    }));
    expect(await send(transport, people(3))).toHaveLength(3);
    expect(server.requests.length).toBeLessThanOrEqual(3);
  });
});

describe('a transport of the user’s own with a fault in bulk', () => {
  const transportOf = (deliver: NonNullable<MailTransport['bulk']>['deliver']) =>
    Object.assign(new ScriptedTransport(), { bulk: { size: 10, deliver } });

  it.each<[string, NonNullable<MailTransport['bulk']>['deliver']]>([
    ['rejects', () => Promise.reject(new Error('odd'))],
    ['answers nothing', () => Promise.resolve([])],
  ])('that %s settles every mail, and leaves the route whole', async (_, deliver) => {
    const own = transportOf(deliver);
    const unknown = Array(3).fill({ code: 'MAIL_PROTOCOL', disposition: 'unknown' });
    expect(await send(own, people(3))).toMatchObject(unknown);

    const route = hops.route([own], { breaker: { trialAfterMs: 1, failures: 1 } });
    expect(await send(route, people(3))).toMatchObject(unknown);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    // Half-open, its one place is given back.
    expect(await send(route, people(3))).toMatchObject(unknown);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    own.bulk = {
      size: 10,
      deliver: (_shared, entries) =>
        Promise.resolve(
          entries.map(({ to }) => accept({ envelope: { to: [to.address] } } as never)),
        ),
    };
    expect(await send(route, people(3))).toEqual(['sent', 'sent', 'sent']);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it('gets one batch at a time while it is on trial', async () => {
    let [now, most, down] = [0, 0, true];
    const own = transportOf(async (_shared, entries) => {
      most = Math.max(most, (now += 1));
      await new Promise(setImmediate);
      now -= 1;
      return entries.map(({ to }) =>
        down ? fault({}) : accept({ envelope: { to: [to.address] } } as never),
      );
    });
    // Long enough for every batch to wait for it.
    own.verify = () => new Promise((resolve) => setTimeout(resolve, 20));
    const route = hops.route([own], { breaker: { trialAfterMs: 1 } });
    await send(route, people(1));
    await eventually(() => route.status()[0]!.trialInMs === 0);
    [most, down] = [0, true];
    expect(await send(route, people(40))).toMatchObject(Array(40).fill({ code: 'MAIL_CONNECT' }));
    expect(most).toBe(1);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    down = false;
    expect(await send(route, people(40))).toEqual(Array(40).fill('sent'));
  });
});
