import { expect, it } from '@jest/globals';
import type { Outage } from '../../../lib/relay/worker/outage.js';
import type { MailRelay, Settlement } from '../../../lib/relay/relay.js';
import { Settler } from '../../../lib/relay/worker/settler.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';

it('repeats what storage did not take, and nothing that it took', async () => {
  const asked: string[] = [];
  let failures = 2;
  const relay: Partial<MailRelay> = {
    settle: async (settlements: readonly Settlement[]) => {
      asked.push(...settlements.map(({ id, outcome }) => `${outcome} ${id}`));
    },
    release: async (ids) => {
      if ((failures -= 1) >= 0) throw new Error('busy');
      asked.push(...ids.map((id) => `released ${id}`));
    },
  };
  const outage: Pick<Outage, 'failed' | 'over'> = {
    failed: () => undefined,
    over: () => undefined,
  };
  const clock = new MailTestClock();
  const settler = new Settler(relay as MailRelay, clock, outage as Outage, () => undefined);
  settler.add({ id: 'a', outcome: 'sent' });
  settler.add({ id: 'b', outcome: 'released' });
  const idle = settler.whenIdle();
  await clock.advance(1_000);
  await idle;
  expect(asked).toEqual(['sent a', 'released b']);
  expect(settler.size).toBe(0);
});
