/**
 * `npm test [-- jest arguments]`: Jest with what ESM needs, and a plain closing line of its own.
 * `npm test -- test/unit` runs one folder.
 */
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

const { code } = await run(process.execPath, [`${ROOT}node_modules/jest/bin/jest.js`, ...args], {
  stdio: 'inherit',
  env: { ...process.env, NODE_OPTIONS: nodeOptions.filter(Boolean).join(' ') },
});
process.exitCode = code;
