import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debian } from '../packages.js';
import { freePort, RunningServer } from '../private-root.js';
import { filesOf, folder, put, type RealServer, remove, settled, textOf } from '../real-server.js';

/** Exim that keeps all it takes in its spool. `settings` are lines of its configuration. */
export async function exim(settings: readonly string[] = []): Promise<RealServer> {
  const root = await debian('exim');
  const home = await folder();
  const port = await freePort();
  const spool = join(home, 'spool');
  await mkdir(spool);
  const lines = [
    'primary_hostname = exim.test',
    `spool_directory = ${spool}`,
    `log_file_path = ${spool}/%slog`,
    'keep_environment =',
    'local_interfaces = 127.0.0.1',
    `daemon_smtp_ports = ${port}`,
    'queue_only',
    'smtp_accept_max = 50',
    'tls_advertise_hosts =',
    'domainlist taken = example.net',
    'acl_smtp_rcpt = check_rcpt',
    'acl_smtp_data = check_data',
    ...settings,
    'begin acl',
    'check_rcpt:',
    '  deny message = no such user',
    '       domains = !+taken',
    '  accept',
    'check_data:',
    '  accept',
    'begin routers',
    'begin transports',
    'begin retry',
  ];
  const config = join(home, 'exim.conf');
  await writeFile(config, `${lines.join('\n')}\n`);
  const server = await RunningServer.start({
    root,
    port,
    users: ['Debian-exim'],
    prepare: [
      `mkdir -p /etc/exim4 && cp ${config} /etc/exim4/exim4.conf && chmod 644 /etc/exim4/exim4.conf`,
      `chmod 755 ${home} && chown Debian-exim:Debian-exim ${spool}`,
    ].join('\n'),
    command: ['/usr/sbin/exim4', '-bdf'],
  });
  const read = async (): Promise<Map<string, string[]>> => {
    const store = new Map<string, string[]>();
    for (const path of await filesOf(join(spool, 'input'), /-H$/)) {
      // The envelope comes first: a count and as many addresses, then an empty line and the header.
      const text = await textOf(path).catch(() => undefined);
      if (text === undefined) continue;
      const envelope = text.slice(0, text.indexOf('\n\n'));
      const to = envelope.split('\n').filter((line) => /^[^\s<-][^\s]*@\S+$/.test(line));
      put(store, text.replace(/^\d{3,}[A-Z*I ]? +/gm, ''), to);
    }
    return store;
  };
  return {
    options: { host: '127.0.0.1', port },
    good: (i) => `here-${i}@example.net`,
    refused: (i) => `gone-${i}@refused.example`,
    stored: (copies) => settled(copies, read),
    async stop() {
      await server.stop();
      await remove(home);
    },
  };
}
