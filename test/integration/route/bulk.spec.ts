import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import { systemClock } from '../../../lib/base/clock.js';
import type { MailBulkOutcome, SendBulkOptions } from '../../../lib/service/bulk-send.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailEvent } from '../../../lib/events/mail-events.js';
import { MailService } from '../../../lib/service/mail.service.js';
import type { RouteTransport } from '../../../lib/transports/route/route.transport.js';
import {
  startPostmarkServer,
  type PostmarkServer,
} from '../../../sample/stand-ins/src/postmark-server.js';
import { closedPort } from '../../fixtures/dropped-port.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';
import { nextHops, overApi, overSmtp } from './helpers.js';

const hops = nextHops();
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function postmark(): Promise<PostmarkServer> {
  const server = await startPostmarkServer();
  closing.push(() => server.close());
  return server;
}

const overPostmark = ({ url }: PostmarkServer) => ({
  type: 'web-api',
  provider: 'postmark',
  apiKey: 'postmark-stand-in',
  baseUrl: url,
});

const message = {
  from: 'Shop <shop@example.com>',
  subject: 'Hello {{ name }}',
  text: 'Dear {{ name }}',
};

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    to: `p${i}@example.net`,
    context: { name: `N${i}` },
    metadata: { customer: String(i) },
  }));

const addresses = (count: number) => people(count).map(({ to }) => to);

async function send(transport: RouteTransport, count: number, options?: SendBulkOptions) {
  const events = new EventBus();
  const told: MailEvent[] = [];
  events.events$.subscribe((event) => told.push(event));
  const service = new MailService({ transport, events, clock: systemClock });
  const outcomes = await lastValueFrom(
    service.sendBulk(message, people(count), options).pipe(toArray()),
  );
  const sent = outcomes.flatMap((one) => (one.status === 'sent' ? [one.receipt] : []));
  const failed = outcomes.flatMap((one) => (one.status === 'failed' ? [one.error] : []));
  expect(outcomes.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([
    ...outcomes.keys(),
  ]);
  expect(outcomes.at(-1)?.progress).toEqual({ sent: sent.length, failed: failed.length });
  return { outcomes: outcomes as readonly MailBulkOutcome[], sent, failed, events: told };
}

const seenBy = ({ accepted }: PostmarkServer) => accepted.map(({ mail }) => mail);

describe('sendBulk over a route', () => {
  it('goes in bulk over the transport that is chosen, with a hop on each receipt', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    const route = hops.route([overApi(api), overPostmark(other)]);
    const { sent, failed, events } = await send(route, 1_200);
    expect(failed).toEqual([]);
    expect(api.requests).toHaveLength(2);
    expect(other.requests).toHaveLength(0);
    const transport = `sendgrid:127.0.0.1:${api.port}`;
    for (const receipt of sent) {
      expect(receipt.hops).toMatchObject([
        { transport, outcome: 'accepted', remoteId: expect.any(String) },
      ]);
    }
    expect(events.filter(({ type }) => type === 'hop')).toHaveLength(1_200);
  });

  it('goes on with all of them where the transport is at fault, in batches of the next one’s size', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    api.script({ status: 503 });
    const route = hops.route([overApi(api), overPostmark(other)]);
    const { sent, failed, events } = await send(route, 800);
    expect(failed).toEqual([]);
    expect(api.requests).toHaveLength(1);
    expect(other.requests).toHaveLength(2);
    expect(seenBy(other).map(({ To }) => To)).toEqual(addresses(800));
    expect(seenBy(other)[7]).toMatchObject({
      Subject: 'Hello N7',
      TextBody: 'Dear N7',
      Metadata: { customer: '7' },
    });
    expect(sent[0]?.hops).toMatchObject([
      { outcome: 'failed', error: { code: 'MAIL_SERVICE' } },
      { outcome: 'accepted', transport: `postmark:127.0.0.1:${other.port}` },
    ]);
    expect(events.filter(({ type }) => type === 'hop')).toHaveLength(1_600);
  });

  it('keeps what may have been accepted, and what is refused for its own sake, where it is', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    const route = hops.route([overApi(api), overPostmark(other)]);
    api.script({ drop: 'after-body' });
    const lost = await send(route, 3);
    expect(lost.failed).toMatchObject(Array(3).fill({ disposition: 'unknown' }));

    const field = 'personalizations.1.to.0.email';
    api.script({ status: 400, body: { errors: [{ message: 'Bad.', field }] } });
    const refused = await send(route, 3);
    expect(refused.failed).toMatchObject([{ disposition: 'permanent', fault: 'message' }]);
    expect(refused.sent).toHaveLength(2);
    expect(other.requests).toHaveLength(0);
    expect(route.status()[0]?.state).toBe('closed');
  });

  it('takes only those to the next transport that the first did not take', async () => {
    const [first, second] = [await postmark(), await hops.webApi()];
    const ok = { ErrorCode: 0, Message: 'OK', MessageID: 'a' };
    // Out of credits, for one of them.
    const poor = { ErrorCode: 405, Message: 'Not allowed to send.' };
    first.script({ status: 200, body: [ok, poor, ok] });
    const { sent, failed } = await send(hops.route([overPostmark(first), overApi(second)]), 3);
    expect(failed).toEqual([]);
    expect(sent.map((receipt) => receipt.hops.length).toSorted()).toEqual([1, 1, 2]);
    const [request, ...rest] = second.accepted;
    expect(rest).toEqual([]);
    expect(request?.mail.personalizations).toMatchObject([{ to: [{ email: 'p1@example.net' }] }]);
  });

  it('goes one by one over a transport that has nothing better, so many in flight', async () => {
    const [mailbox, api] = [new ScriptedTransport(), await hops.webApi()];
    const route = hops.route([mailbox, overApi(api)]);
    const { sent, failed } = await send(route, 1_500, { concurrency: 7 });
    expect(failed).toEqual([]);
    expect(sent.every(({ hops: taken }) => taken.length === 1)).toBe(true);
    expect(mailbox.taken.map(({ mail }) => mail.envelope.to[0]).toSorted()).toEqual(
      addresses(1_500).toSorted(),
    );
    expect(
      mailbox.taken.every(({ mail: { subject, to, metadata } }) => {
        const n = /\d+/.exec(to[0]!.address)![0];
        return subject === `Hello N${n}` && metadata['customer'] === n;
      }),
    ).toBe(true);
    expect(mailbox.mostInFlight).toBe(7);
    expect(api.requests).toHaveLength(0);
  });

  it('leaves such a transport when it goes down on the way, and nobody gets two', async () => {
    const [mailbox, api] = [new ScriptedTransport(), await hops.webApi()];
    mailbox.script = (mail) => (mailbox.asked.length > 300 ? fault({}) : accept(mail));
    const { failed } = await send(hops.route([mailbox, overApi(api)]), 900, { concurrency: 10 });
    expect(failed).toEqual([]);
    // Those in flight noticed; the others did not try.
    expect(mailbox.asked.length).toBeLessThanOrEqual(310);
    expect(api.requests.length).toBeLessThanOrEqual(2);
    const there = mailbox.taken.map(({ mail }) => mail.envelope.to[0]);
    const here = api.accepted.flatMap(({ mail }) =>
      mail.personalizations.map(({ to }) => to[0]!.email),
    );
    expect([...there, ...here].toSorted()).toEqual(addresses(900).toSorted());
  });

  it('passes SMTP by where its port is closed', async () => {
    const api = await hops.webApi();
    const route = hops.route([overSmtp(await closedPort()), overApi(api)]);
    expect((await send(route, 2_000)).failed).toEqual([]);
    expect(api.requests.length).toBeLessThanOrEqual(4);
    const again = await send(route, 1_000);
    expect(again.sent.every(({ hops: taken }) => taken.length === 1)).toBe(true);
  });

  it('tells each hop once through routes within routes', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    api.script({ status: 503 });
    const inner = {
      type: 'route',
      strategy: 'failover',
      transports: [overApi(api), overPostmark(other)],
    };
    const { sent, events } = await send(hops.route([inner, 'memory:']), 5);
    for (const { hops: taken } of sent) {
      expect(taken.map(({ outcome }) => outcome)).toEqual(['failed', 'accepted']);
    }
    expect(events.filter(({ type }) => type === 'hop')).toHaveLength(10);
  });

  it('says of each that every transport is down, and when to come again', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    const route = hops.route([overApi(api), overPostmark(other)]);
    await Promise.all([api.close(), other.close()]);
    for (let round = 0; round < 2; round += 1) {
      const { failed } = await send(route, 3);
      const down = { code: 'MAIL_CONNECT', disposition: 'retry', fault: 'transport' };
      expect(failed).toMatchObject(Array(3).fill(down));
      expect(failed[0]).toHaveProperty('retryAfterMs');
    }
  });

  it('spreads by turns, and chooses the faster transport by the time per mail', async () => {
    const [api, other] = [await hops.webApi(), await postmark()];
    const turns = hops.route([overApi(api), overPostmark(other)], { strategy: 'round-robin' });
    await send(turns, 4_000);
    expect(api.requests).toHaveLength(2);
    expect(other.requests).toHaveLength(4);

    const slow = new ScriptedTransport();
    const quick = await hops.webApi();
    slow.script = (mail) => accept(mail);
    const deliver = slow.deliver.bind(slow);
    slow.deliver = async (mail, options) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return deliver(mail, options);
    };
    const fastest = hops.route([slow, overApi(quick)], { strategy: 'fastest' });
    for (let round = 0; round < 3; round += 1) await send(fastest, 100, { concurrency: 5 });
    expect(slow.taken).toHaveLength(100);
    expect(quick.requests).toHaveLength(2);
  });

  it('stops with the signal, and refuses once it is closed', async () => {
    const [slow, api] = [new ScriptedTransport(), await hops.webApi()];
    slow.script = () => 'hold';
    const route = hops.route([slow, overApi(api)]);
    const stop = new AbortController();
    const sending = send(route, 50, { concurrency: 5, signal: stop.signal });
    while (slow.asked.length < 5) await new Promise(setImmediate);
    stop.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
    expect(slow.asked).toHaveLength(5);
    expect(api.requests).toHaveLength(0);
    await route.close();
    const limit = (work: () => Promise<void>) => work();
    expect(await route.bulk!.deliver({} as never, [{ id: 'a' } as never], { limit })).toMatchObject(
      [{ code: 'MAIL_SHUTDOWN' }],
    );
  });

  it('has no way of its own where no transport has one', () => {
    expect(hops.route(['memory:', 'memory:']).bulk).toBeUndefined();
    expect(hops.route(['memory:', 'sendgrid://a@127.0.0.1']).bulk?.size).toBe(1000);
  });
});
