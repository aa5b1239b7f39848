import { SpoolHarness } from '../contract/spool-harness.js';
import { crashSuite } from './crash-suite.js';

crashSuite('spool', async () => {
  const spool = new SpoolHarness({ leaseMs: 60_000 });
  const { path } = spool;
  return {
    env: { DRIVER: 'spool', RELAY: JSON.stringify({ path }) },
    async count() {
      const relay = await spool.client();
      const { leased, queued, deferred, scheduled } = await relay.stats();
      await relay.close();
      return { leased, left: leased + queued + deferred + scheduled };
    },
    dispose: () => spool.dispose(),
  };
});
