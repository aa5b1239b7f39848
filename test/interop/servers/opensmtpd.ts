import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debian } from '../packages.js';
import { freePort, RunningServer } from '../private-root.js';
import { filesOf, folder, put, type RealServer, remove, settled, textOf } from '../real-server.js';

/** OpenSMTPD that delivers into one maildir. */
export async function openSmtpd(): Promise<RealServer> {
  const root = await debian('opensmtpd');
  const home = await folder();
  const port = await freePort();
  const mail = join(home, 'mail');
  await mkdir(mail);
  const lines = [
    'table catchall { "@" = "vmail" }',
    `listen on 127.0.0.1 port ${port} hostname opensmtpd.test`,
    `action store maildir "${mail}" virtual <catchall>`,
    'match from any for domain "example.net" action store',
  ];
  const config = join(home, 'smtpd.conf');
  await writeFile(config, `${lines.join('\n')}\n`);
  const server = await RunningServer.start({
    root,
    port,
    users: ['opensmtpd', 'opensmtpq', 'vmail'],
    prepare: [
      'mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd && chmod 711 /var/spool/smtpd',
      `cp ${config} /etc/smtpd.conf && chmod 600 /etc/smtpd.conf`,
      'echo opensmtpd.test >/etc/mailname',
      `chmod 755 ${home} && chown vmail:vmail ${mail}`,
    ].join('\n'),
    command: ['/usr/sbin/smtpd', '-d'],
  });
  const read = async (): Promise<Map<string, string[]>> => {
    const store = new Map<string, string[]>();
    for (const path of await filesOf(mail, /\/(?:new|cur)\//)) {
      const text = await textOf(path);
      const to = /^Delivered-To: (\S+)/m.exec(text)?.[1];
      put(store, text, to === undefined ? [] : [to]);
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
