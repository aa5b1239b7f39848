/**
 * One word for one thing: a word that was given up does not come back, in code, documentation, samples
 * or the built types.
 *
 * `node scripts/check-words.mjs [folder]`, by default the repository.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ROOT } from './process.mjs';

const root = resolve(ROOT, process.argv[2] ?? '.');

/** @type {{ pattern: RegExp, instead: string }[]} */
const words = [{ pattern: /\broads?\b/i, instead: 'transport' }];

/** Where a stored form of an earlier release is read, and has to be named. */
const spared = ['lib/relay/job.ts', 'dist/relay/job.d.ts'];

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesIn(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.name === 'node_modules' || (entry.name === 'dist' && !path.endsWith('dist'))
      ? []
      : filesIn(join(path, entry.name)),
  );
}

const read = ['lib', 'README.md', 'docs', 'sample'].flatMap((name) => filesIn(join(root, name)));
const built = filesIn(join(root, 'dist')).filter((name) => name.endsWith('.d.ts'));
const text = /\.(ts|tsx|mts|js|mjs|md|json|hbs|mjml|html|css|svg)$/;

let faults = 0;
for (const file of [...read, ...built].filter((name) => text.test(name))) {
  const name = relative(root, file);
  if (spared.includes(name)) continue;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      for (const { pattern, instead } of words) {
        const found = pattern.exec(line);
        if (!found) continue;
        faults += 1;
        console.error(`${name}:${index + 1} says '${found[0]}': the word is '${instead}'`);
      }
    });
}
if (read.length === 0) {
  faults += 1;
  console.error(`nothing to read in ${root}`);
}
process.exitCode = faults === 0 ? 0 : 1;
