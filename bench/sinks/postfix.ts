import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listening } from './free-port.js';
import { serveParent } from './serve.js';

/**
 * A real Postfix with a configuration and queue of its own: everything is taken into the queue on
 * disk as always, and what the queue manager gets is discarded. Needs root, as Postfix's master does.
 */
const folder = mkdtempSync(join(tmpdir(), 'bench-postfix-'));
const [conf, data, log] = [join(folder, 'conf'), join(folder, 'data'), join(folder, 'log')];
const port = await freePort();
const version = execFileSync('/usr/sbin/postconf', ['-d', '-h', 'mail_version'], {
  encoding: 'utf8',
}).trim();

// Its daemons run as the user postfix and have to reach the queue.
chmodSync(folder, 0o755);
mkdirSync(conf);
mkdirSync(data);
mkdirSync(join(folder, 'queue'));
chownSync(data, Number(execFileSync('/usr/bin/id', ['-u', 'postfix'])), -1);
writeFileSync(
  join(conf, 'main.cf'),
  `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${data}
maillog_file = ${log}
maillog_file_prefixes = ${folder}
myhostname = sink.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard:
smtpd_client_connection_count_limit = 0
`,
);
const services = [
  [`127.0.0.1:${port}`, 'inet', 'n', '-', 'smtpd'],
  ['cleanup', 'unix', 'n', '0', 'cleanup'],
  ['qmgr', 'unix', 'n', '1', 'qmgr'],
  ['rewrite', 'unix', '-', '-', 'trivial-rewrite'],
  ['bounce', 'unix', '-', '0', 'bounce'],
  ['defer', 'unix', '-', '0', 'bounce'],
  ['trace', 'unix', '-', '0', 'bounce'],
  ['error', 'unix', '-', '-', 'error'],
  ['retry', 'unix', '-', '-', 'error'],
  ['discard', 'unix', '-', '-', 'discard'],
  ['proxymap', 'unix', '-', '-', 'proxymap'],
  ['anvil', 'unix', '-', '1', 'anvil'],
  ['postlog', 'unix-dgram', 'n', '1', 'postlogd'],
];
for (const [name, type, isPrivate, limit, command] of services) {
  const line = [name, type, isPrivate, '-', 'n', '-', limit, command].join(' ');
  appendFileSync(join(conf, 'master.cf'), `${line}\n`);
}

function postfix(...args: string[]): void {
  execFileSync('/usr/sbin/postfix', ['-c', conf, ...args], { stdio: 'ignore' });
}

function stop(): void {
  try {
    postfix('abort');
  } catch {
    // It was not running.
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const DONE = /qmgr\[\d+\]: \w+: removed$/gm;
let offset = 0;
let left = '';
let removed = 0;

/** Messages that have gone through the queue to their end. */
function accepted(): number {
  const { size } = statSync(log);
  const fresh = Buffer.alloc(size - offset);
  const file = openSync(log, 'r');
  const read = readSync(file, fresh, 0, fresh.length, offset);
  closeSync(file);
  offset += read;
  const text = left + fresh.toString('latin1', 0, read);
  const end = text.lastIndexOf('\n') + 1;
  left = text.slice(end);
  removed += text.slice(0, end).match(DONE)?.length ?? 0;
  return removed;
}

try {
  postfix('start');
  await listening(port);
} catch (error) {
  stop();
  throw error;
}
serveParent({ port, about: `Postfix ${version}` }, accepted, stop);
