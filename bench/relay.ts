/**
 * `npm run bench:relay`: what the relay costs and carries, beside what it stands on (the disk's own
 * fdatasync, Bull's `queue.add`, the transport alone) in the same run.
 *
 * `--backlog N`: mails stored for the memory line (20,000; 1,000,000 takes a minute and 5 GB of disk).
 * `--mails N`: mails of each turn over the wire (50,000). `--path FOLDER`: the disk. `--only spool|transport|bull`.
 */
import { cpus, loadavg, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { benchBull } from './relay/bull.js';
import { benchTransport } from './relay/transport.js';
import { benchSpool } from './relay/spool.js';

const { values } = parseArgs({
  options: {
    backlog: { type: 'string', default: '20000' },
    mails: { type: 'string', default: '50000' },
    path: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
  },
});
const wanted = (name: string) => values.only === undefined || values.only === name;
const mails = Number(values.mails);

console.log(`node ${process.version}, ${cpus().length} CPUs, load ${loadavg()[0]!.toFixed(1)}`);
if (wanted('spool')) await benchSpool(values.path, Number(values.backlog));
if (wanted('transport')) await benchTransport(values.path, mails);
if (wanted('bull')) await benchBull(Math.ceil(mails / 2));
