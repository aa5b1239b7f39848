/**
 * `npm run build [-- --if-stale]`: lib/ to dist/, from nothing. The new folder takes the old one's
 * place in one step, so that nobody who runs from dist/ finds it half built.
 */
import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run, ROOT } from './process.mjs';

const DIST = `${ROOT}dist`;
const ENTRY = `${DIST}/index.js`;
const SOURCES = ['lib', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Whether something that is built changed after it was. A folder changes when a file in it goes. */
function isStale() {
  const built = statSync(ENTRY, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const parts = readdirSync(`${ROOT}lib`, { recursive: true, encoding: 'utf8' });
  const paths = [...SOURCES, ...parts.map((name) => join('lib', name))];
  return paths.some((path) => statSync(`${ROOT}${path}`).mtimeMs > built);
}

/** @param {string} fresh */
function takePlace(fresh) {
  const old = `${fresh}-old`;
  for (;;) {
    try {
      renameSync(DIST, old);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    try {
      renameSync(fresh, DIST);
      break;
    } catch (error) {
      // Another build was quicker between the two steps: it is the old one now.
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    }
    rmSync(old, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/**
 * @param {{ ifStale?: boolean }} [options]
 * @returns {Promise<number>} the compiler's exit code
 */
export async function build({ ifStale = false } = {}) {
  if (ifStale && !isStale()) return 0;
  const fresh = `${ROOT}.dist-${process.pid}`;
  const started = new Date();
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh];
  const { code } = await run(process.execPath, args, { stdio: 'inherit' });
  if (code === 0) {
    utimesSync(`${fresh}/index.js`, started, started);
    takePlace(fresh);
  }
  rmSync(fresh, { recursive: true, force: true });
  return code;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await build({ ifStale: process.argv.includes('--if-stale') });
}
