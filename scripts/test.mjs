/**
 * `npm test [-- jest arguments]`: Jest with what ESM needs, and a plain closing line of its own.
 * `npm test -- test/unit` runs one folder.
 */
import { build } from './build.mjs';
import { run, ROOT } from './process.mjs';

const given = process.argv.slice(2);

const args = [...given];
if (!given.some((arg) => /^(-w|-i|--maxWorkers|--runInBand)/.test(arg)))
  args.push('--maxWorkers=2');
if (!given.some((arg) => arg.startsWith('--reporters'))) {
  args.push('--reporters=default', `--reporters=${ROOT}scripts/closing-line.mjs`);
}

const nodeOptions = [
  process.env['NODE_OPTIONS'],
  '--experimental-vm-modules',
  // Jest loads ESM through an API that Node still calls experimental. Other warnings stay.
  '--disable-warning=ExperimentalWarning',
];

// Some tests run the package as users do, from dist/.
const built = await build({ ifStale: true });
if (built !== 0) process.exit(built);

const { code } = await run(process.execPath, [`${ROOT}node_modules/jest/bin/jest.js`, ...args], {
  stdio: 'inherit',
  env: { ...process.env, NODE_OPTIONS: nodeOptions.filter(Boolean).join(' ') },
});
process.exitCode = code;
