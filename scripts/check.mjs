/**
 * `npm run check [-- gate …]`: every gate that stands before a commit. A gate prints its output only
 * when it fails; all of them are run, so that one run shows every fault.
 */
import { run, ROOT } from './process.mjs';

const bin = (/** @type {string} */ name) => `${ROOT}node_modules/.bin/${name}`;

/** @typedef {{ name: string, says: string, command: [string, ...string[]], needs?: string }} Gate */

/** @type {readonly Gate[]} */
const gates = [
  {
    name: 'format',
    says: 'Prettier would change nothing',
    command: [bin('prettier'), '--check', '--log-level=warn', '**/*.{ts,mts,js,mjs,json,yml}'],
  },
  {
    name: 'imports',
    says: 'imports go down only, without circles',
    command: [bin('depcruise'), '--config', '.dependency-cruiser.mjs', 'lib'],
  },
  {
    name: 'architecture',
    says: 'the picture in docs/architecture.md shows the floors that the import gate holds',
    command: [process.execPath, 'scripts/architecture.mjs', '--check'],
  },
  { name: 'types', says: 'lib, test and bench compile', command: [bin('tsc'), '--noEmit'] },
  { name: 'scripts', says: 'scripts compile', command: [bin('tsc'), '--noEmit', '-p', 'scripts'] },
  {
    name: 'build',
    says: 'dist is built from nothing',
    command: ['npm', 'run', '--silent', 'build'],
  },
  {
    name: 'user-types',
    says: "a wrong template, context or event does not compile in a user's app",
    command: [bin('tsc'), '--noEmit', '-p', 'test/types'],
    needs: 'build',
  },
  {
    name: 'samples',
    says: 'each sample compiles against the built package',
    command: ['npm', 'run', '--silent', 'build', '--workspaces', '--if-present'],
    needs: 'build',
  },
  {
    name: 'lint',
    says: 'ESLint has nothing to say',
    command: [bin('eslint'), '--max-warnings=0', '.'],
    needs: 'build',
  },
  {
    name: 'd.ts',
    says: 'the built types name the four peers and nothing else',
    command: [process.execPath, 'scripts/check-dts.mjs'],
    needs: 'build',
  },
  {
    name: 'words',
    says: 'a word that was given up does not come back',
    command: [process.execPath, 'scripts/check-words.mjs'],
    needs: 'build',
  },
  {
    name: 'exports',
    says: 'every entry exists, loads by import and require, and has types in each mode',
    command: [process.execPath, 'scripts/check-exports.mjs'],
    needs: 'build',
  },
  {
    name: 'publint',
    says: 'the package is as registries and bundlers expect it',
    command: [bin('publint'), '--strict', '--pack=npm'],
    needs: 'build',
  },
  {
    name: 'docs',
    says: 'every snippet of README and docs compiles, and no link is dead',
    command: [process.execPath, 'scripts/check-docs.mjs'],
    needs: 'build',
  },
  {
    name: 'root-import',
    says: 'the root import loads no optional peer, no provider, no HTTP client and no nodemailer',
    command: [process.execPath, 'scripts/check-root-import.mjs'],
    needs: 'build',
  },
];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !gates.some((gate) => gate.name === name));
if (unknown.length > 0) {
  console.error(
    `Unknown gate ${unknown.join(', ')}; known: ${gates.map((g) => g.name).join(', ')}`,
  );
  process.exit(2);
}

/** @type {Set<string>} */
const failed = new Set();
let passed = 0;
for (const gate of gates) {
  if (chosen.length > 0 && !chosen.includes(gate.name)) continue;
  const started = performance.now();
  const { code, output } =
    gate.needs !== undefined && failed.has(gate.needs)
      ? { code: 1, output: `needs ${gate.needs}` }
      : await run(gate.command[0], gate.command.slice(1));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${code === 0 ? 'ok  ' : 'FAIL'} ${gate.name.padEnd(14)} ${gate.says} (${seconds} s)`,
  );
  if (code === 0) passed += 1;
  else {
    failed.add(gate.name);
    console.log(output.trimEnd().replace(/^/gm, '     '));
  }
}

console.log(`\n${passed} passed, ${failed.size} failed`);
process.exitCode = failed.size === 0 ? 0 : 1;
