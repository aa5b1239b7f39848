import { describe, expect, it } from '@jest/globals';
import { SlotQueue, type SlotVerdict } from '../../../lib/transports/web-api/slot-queue.js';
import { Stop } from '../../../lib/transports/web-api/stop.js';

const stop = new Stop();

/** Takes `count` slots; those that were had at once give themselves back with `give`. */
async function holders(queue: SlotQueue, count: number) {
  const had: ((verdict?: SlotVerdict) => void)[] = [];
  for (let taken = 0; taken < count; taken += 1) {
    void queue.take(stop).then((slot) => {
      had.push((verdict) => queue.give(slot, verdict));
    });
  }
  await new Promise(setImmediate);
  return had;
}

describe('SlotQueue', () => {
  it('lets so many in, the rest in their order', async () => {
    const queue = new SlotQueue(2);
    const had = await holders(queue, 5);
    expect(had).toHaveLength(2);
    had[0]?.();
    await new Promise(setImmediate);
    expect(had).toHaveLength(3);
    had[1]?.('faster');
    had[2]?.();
    await new Promise(setImmediate);
    expect(had).toHaveLength(5);
    expect(queue.size).toBe(2);
  });

  it('halves once for all that were under way together, and not below one', async () => {
    const queue = new SlotQueue(9);
    for (const release of await holders(queue, 9)) release('slower');
    expect(queue.size).toBe(4);
    const had = await holders(queue, 9);
    expect(had).toHaveLength(4);
    for (const expected of [2, 1, 1]) {
      for (const release of had.splice(0)) release('slower');
      await new Promise(setImmediate);
      expect(queue.size).toBe(expected);
      expect(had.length).toBeLessThanOrEqual(expected);
    }
  });

  it('holds back those in line until enough have left', async () => {
    const queue = new SlotQueue(4);
    const had = await holders(queue, 8);
    had[0]?.('slower');
    had[1]?.('slower');
    await new Promise(setImmediate);
    expect(had).toHaveLength(4);
    had[2]?.();
    await new Promise(setImmediate);
    expect(had).toHaveLength(5);
  });

  it('grows by one for a round that went well, up to where it began', async () => {
    const queue = new SlotQueue(8);
    queue.give(await queue.take(stop), 'slower');
    expect(queue.size).toBe(4);
    const rounds: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      for (const release of await holders(queue, queue.size)) release('faster');
      rounds.push(queue.size);
    }
    expect(rounds.slice(0, 4)).toEqual([4, 5, 6, 7]);
    expect(rounds.at(-1)).toBe(8);
  });

  it('forgets who gave up waiting', async () => {
    const queue = new SlotQueue(1);
    const slot = await queue.take(stop);
    const leaver = new Stop();
    const left = queue.take(leaver);
    const next = queue.take(stop);
    leaver.cancel(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    queue.give(slot);
    queue.give(await next);
    expect(queue.size).toBe(1);
  });

  it('lets nobody past those in line', async () => {
    const queue = new SlotQueue(1);
    const slot = queue.tryTake()!;
    expect(queue.tryTake()).toBeUndefined();
    const next = queue.take(stop);
    queue.give(slot);
    expect(queue.tryTake()).toBeUndefined();
    queue.give(await next);
    expect(queue.tryTake()).toBeDefined();
  });
});
