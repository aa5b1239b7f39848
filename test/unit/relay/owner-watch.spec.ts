import { expect, it } from '@jest/globals';
import { OwnerWatch } from '../../../lib/relay/bull/owner-watch.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';

const watchOf = (clock: MailTestClock) =>
  new OwnerWatch(clock, { self: 'me', silenceMs: 3_000, longestGapMs: 2_000 });

it('takes who is silent for a lease’s length for dead, and nobody else', async () => {
  const clock = new MailTestClock();
  const watch = watchOf(clock);
  const silent: string[] = [];
  for (let second = 0; second < 5; second += 1) {
    const beats = { me: '1', dead: '7', alive: String(second) };
    silent.push(...watch.look(beats).map(([owner, beat]) => `${second}: ${owner} ${beat}`));
    await clock.advance(1_000);
  }
  expect(silent).toEqual(['3: dead 7', '4: dead 7']);
});

it('does not count the time in which it was stopped itself', async () => {
  const clock = new MailTestClock();
  const watch = watchOf(clock);
  expect(watch.look({ other: '7' })).toEqual([]);
  // Both were stopped for an hour, as on a machine that slept; the other has not had the time to beat.
  await clock.advance(3_600_000);
  expect(watch.look({ other: '7' })).toEqual([]);
  await clock.advance(500);
  expect(watch.look({ other: '8' })).toEqual([]);
  await clock.advance(1_000);
  expect(watch.look({ other: '8' })).toEqual([]);
});
