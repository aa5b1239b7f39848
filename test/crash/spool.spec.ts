import { SpoolHarness } from '../contract/spool-harness.js';
import { crashSuite } from './crash-suite.js';

crashSuite('spool', async () => {
  const spool = new SpoolHarness({ leaseMs: 60_000 });
  const { path } = spool;
  const count = async () => {
    const relay = await spool.client();
    const { leased, queued, deferred, scheduled } = await relay.stats();
    await relay.close();
    return { leased, left: leased + queued + deferred + scheduled };
  };
  return {
    env: { DRIVER: 'spool', RELAY: JSON.stringify({ path }) },
    count,
    // The next process takes back at once what the one before held.
    inFlight: async () => (await count()).leased,
    dispose: () => spool.dispose(),
  };
});
