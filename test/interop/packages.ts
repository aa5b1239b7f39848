import { execFile } from 'node:child_process';
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where servers are unpacked. They are never installed: Debian's mail servers exclude each other as packages. */
const CACHE = process.env['INTEROP_CACHE'] ?? join(process.cwd(), 'node_modules/.cache/interop');

/** Debian's packages of each server, with those that its libraries need beside a bare system's. */
const DEBIAN = {
  exim: ['exim4-daemon-light', 'exim4-base', 'libidn12'],
  opensmtpd: ['opensmtpd'],
  dovecot: [
    ...['dovecot-core', 'dovecot-lmtpd', 'dovecot-submissiond'],
    ...['libexttextcat-2.0-0', 'libexttextcat-data', 'liblua5.4-0', 'libwrap0'],
  ],
  aiosmtpd: ['python3-aiosmtpd', 'python3-attr', 'python3-public'],
} as const;

export type DebianServer = keyof typeof DEBIAN;

/** The folder of a server, filled once. `fill` is told an empty one. */
async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name);
  const whole = join(folder, '.whole');
  const there = await access(whole).then(
    () => true,
    () => false,
  );
  if (there) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await fill(folder);
  await writeFile(whole, '');
  return folder;
}

/** Unpacks a server from Debian's archive, as it would lie below `/`. */
export function debian(name: DebianServer): Promise<string> {
  return cached(name, async (folder) => {
    const debs = join(folder, '.debs');
    await mkdir(debs);
    // Without lists nothing is found; with old ones a file may be gone.
    const download = () => run('apt-get', ['download', '-q', ...DEBIAN[name]], { cwd: debs });
    await download().catch(async () => {
      await run('apt-get', ['update', '-qq']);
      await download();
    });
    for (const file of await readdir(debs)) await run('dpkg', ['-x', join(debs, file), folder]);
    await rm(debs, { recursive: true });
  });
}

/** Installs a server from npm beside the package, not into it. */
export function npm(name: string, version: string): Promise<string> {
  return cached(name.toLowerCase(), async (folder) => {
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    const options = ['--no-audit', '--no-fund', '--omit=optional', '--ignore-scripts'];
    await run('npm', ['install', ...options, `${name}@${version}`], { cwd: folder });
  });
}
