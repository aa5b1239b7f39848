import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debian } from '../packages.js';
import { freePort, RunningServer } from '../private-root.js';
import { filesOf, folder, put, type RealServer, remove, settled, textOf } from '../real-server.js';

/** As many mailboxes as a test may write to. */
const USERS = 3_000;

async function start(protocol: 'lmtp' | 'submission', port: number, lines: readonly string[]) {
  const root = await debian('dovecot');
  const home = await folder();
  const mail = join(home, 'mail');
  await mkdir(mail);
  const users = Array.from(
    { length: USERS },
    (_, i) => `here-${i}@example.net:{PLAIN}secret:60105:60105::${mail}/here-${i}`,
  );
  await writeFile(join(home, 'users'), `${users.join('\n')}\n`);
  const config = join(home, 'dovecot.conf');
  const all = [
    `base_dir = ${home}/run`,
    `log_path = /dev/stderr`,
    `protocols = ${protocol}`,
    'ssl = no',
    'disable_plaintext_auth = no',
    'default_internal_user = dovecot',
    'default_login_user = dovenull',
    'hostname = dovecot.test',
    'postmaster_address = postmaster@example.net',
    'first_valid_uid = 1000',
    'mail_location = maildir:~/Maildir',
    `passdb {\n  driver = passwd-file\n  args = scheme=PLAIN ${home}/users\n}`,
    `userdb {\n  driver = passwd-file\n  args = ${home}/users\n}`,
    'service stats {\n  chroot =\n}',
    ...lines,
  ];
  await writeFile(config, `${all.join('\n')}\n`);
  const server = await RunningServer.start({
    root,
    port,
    users: ['dovecot', 'dovenull', 'unused', 'unused2', 'unused3', 'vmail'],
    prepare: `chmod 755 ${home} && chmod 644 ${home}/users && chown 60105:60105 ${mail}`,
    command: ['/usr/sbin/dovecot', '-F', '-c', config],
  });
  return { home, mail, server };
}

/** Dovecot's LMTP, into a maildir for each recipient. */
export async function dovecotLmtp(): Promise<RealServer> {
  const port = await freePort();
  const { home, mail, server } = await start('lmtp', port, [
    `service lmtp {\n  inet_listener lmtp {\n    address = 127.0.0.1\n    port = ${port}\n  }\n}`,
  ]);
  const read = async (): Promise<Map<string, string[]>> => {
    const store = new Map<string, string[]>();
    for (const path of await filesOf(mail, /\/(?:new|cur)\//)) {
      const user = /\/(here-\d+)\//.exec(path)![1]!;
      put(store, await textOf(path), [`${user}@example.net`]);
    }
    return store;
  };
  return {
    options: { host: '127.0.0.1', port, lmtp: true },
    good: (i) => `here-${i}@example.net`,
    refused: (i) => `gone-${i}@example.net`,
    stored: (copies) => settled(copies, read),
    terminate: () => {
      server.terminate();
    },
    async stop() {
      await server.stop();
      await remove(home);
    },
  };
}

/** Dovecot's submission service in front of another server, whose store is the one that counts. */
export async function dovecotSubmission(behind: RealServer): Promise<RealServer> {
  const port = await freePort();
  const { home, server } = await start('submission', port, [
    `submission_relay_host = 127.0.0.1`,
    `submission_relay_port = ${behind.options.port}`,
    'submission_relay_trusted = no',
    `service submission-login {\n  inet_listener submission {\n    address = 127.0.0.1\n    port = ${port}\n  }\n}`,
  ]);
  return {
    ...behind,
    options: { host: '127.0.0.1', port, auth: { user: 'here-0@example.net', pass: 'secret' } },
    async stop() {
      await server.stop();
      await behind.stop();
      await remove(home);
    },
  };
}
