import { relayContract } from './relay-contract.js';
import { SpoolHarness } from './spool-harness.js';
import type { MailRelay } from '../../lib/relay/relay.js';

relayContract('spool', async () => new SpoolHarness());

relayContract('spool in its own thread', async () => {
  // A thread runs what is built.
  const spool = '../../dist/relay/spool/';
  const { SpoolRelay } = (await import(`${spool}index.js`)) as {
    SpoolRelay: new (options: unknown) => MailRelay;
  };
  const { readSpoolOptions } = (await import(`${spool}spool.options.js`)) as {
    readSpoolOptions: (raw: unknown) => unknown;
  };
  return new SpoolHarness({}, (options) => new SpoolRelay(readSpoolOptions(options)));
});
