import { describe, expect, it } from '@jest/globals';
import { OutgoingBody } from '../../../lib/transports/web-api/outgoing-body.js';
import { retryAfterMs } from '../../../lib/transports/web-api/retry-after.js';
import { SlotQueue } from '../../../lib/transports/web-api/slot-queue.js';
import { Stop } from '../../../lib/transports/web-api/stop.js';

describe('retryAfterMs', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const ask = (headers: Record<string, string>, status = 429) =>
    retryAfterMs({ status, headers, body: '' }, now);

  it.each<[string, Record<string, string>, number | undefined]>([
    ['a reset', { 'x-ratelimit-reset': String(now / 1000 + 5) }, 5000],
    ['a reset that has passed', { 'x-ratelimit-reset': String(now / 1000) }, undefined],
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a date', { 'retry-after': 'Mon, 23 Nov 2026 12:00:09 GMT' }, 9000],
    ['seconds with spaces around them', { 'retry-after': ' 5 ' }, 5000],
    ['a date with spaces around it', { 'retry-after': ' Mon, 23 Nov 2026 12:00:09 GMT ' }, 9000],
    ['a date of RFC 850', { 'retry-after': 'Monday, 23-Nov-26 12:00:09 GMT' }, 9000],
    ['a date of asctime', { 'retry-after': 'Mon Nov 23 12:00:09 2026' }, 9000],
    ['words that begin with a number', { 'retry-after': '5 apples' }, undefined],
    ['both', { 'retry-after': '7', 'x-ratelimit-reset': String(now / 1000 + 5) }, 7000],
    [
      'nonsense and a reset',
      { 'retry-after': 'soon', 'x-ratelimit-reset': String(now / 1000 + 5) },
      5000,
    ],
    ['nonsense', { 'retry-after': '-1', 'x-ratelimit-reset': '1e9' }, undefined],
    ['nothing', {}, undefined],
    ['for ever', { 'retry-after': '999999999' }, 3_600_000],
    [
      'a reset by the server’s own clock, which is an hour ahead',
      { date: 'Mon, 23 Nov 2026 13:00:00 GMT', 'x-ratelimit-reset': String(now / 1000 + 3605) },
      5000,
    ],
  ])('%s', (_, headers, ms) => {
    expect(ask(headers)).toBe(ms);
  });

  it('takes the rate limit’s reset on a 429 only', () => {
    expect(ask({ 'x-ratelimit-reset': String(now / 1000 + 5) }, 503)).toBeUndefined();
    expect(ask({ 'retry-after': '5' }, 503)).toBe(5000);
  });
});

describe('SlotQueue', () => {
  it('lets in first come first served, and forgets who left', async () => {
    const queue = new SlotQueue(1);
    const order: string[] = [];
    const first = await queue.take(new Stop());
    const leaver = new Stop();
    const left = queue.take(leaver).catch((error: unknown) => error);
    const second = queue.take(new Stop()).then((slot) => (order.push('second'), slot));
    const third = queue.take(new Stop()).then((slot) => (order.push('third'), slot));
    leaver.cancel(new Error('left'));
    expect(await left).toEqual(new Error('left'));
    queue.give(first);
    queue.give(await second);
    queue.give(await third);
    expect(order).toEqual(['second', 'third']);
    queue.give(await queue.take(new Stop()));
  });

  it('refuses one who has left already, and keeps the slot', async () => {
    const queue = new SlotQueue(1);
    const stop = new Stop();
    stop.cancel(new Error('left'));
    await expect(queue.take(stop)).rejects.toThrow('left');
    expect(queue.tryTake()).toBeDefined();
  });
});

describe('OutgoingBody', () => {
  it('is sent only when the last slice is asked for', () => {
    const body = new OutgoingBody(Buffer.alloc(150_000, 'x'));
    const slices = body[Symbol.iterator]();
    expect(body.sent).toBe(false);
    expect((slices.next().value as Buffer).length).toBe(65_536);
    expect(body.sent).toBe(false);
    slices.next();
    expect(body.sent).toBe(false);
    expect((slices.next().value as Buffer).length).toBe(150_000 - 2 * 65_536);
    expect(body.sent).toBe(true);
    expect(slices.next().done).toBe(true);
  });
});
