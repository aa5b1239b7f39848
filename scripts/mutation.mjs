/**
 * `npm run mutation [-- target …]`: changes the code of a target in every way that Stryker knows, runs
 * the target's tests over each change, and lists the changes that no test notices. For the code that
 * decides whether a mail is lost, doubled or refused.
 *
 * Stryker is fetched when it is asked for: it needs Node.js 22, and nobody else needs it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { run, ROOT } from './process.mjs';

const PACKAGES = [
  'node@22',
  'typescript@6.0',
  '@stryker-mutator/core@10.0.0',
  '@stryker-mutator/jest-runner@10.0.0',
];
const SMTP = 'lib/transports/smtp/connection';

/** @type {Record<string, { mutate: string[], tests: string[] }>} */
const targets = {
  'retry-policy': {
    mutate: ['lib/relay/retry-policy.ts', 'lib/relay/worker/outcome.ts'],
    tests: ['test/unit/relay/retry-policy', 'test/integration/relay/relay'],
  },
  faults: {
    mutate: ['lib/transports/route/faults.ts'],
    tests: ['test/unit/route', 'test/integration/route/failover'],
  },
  'connection-loss': {
    mutate: [`${SMTP}/connection-loss.ts`],
    tests: ['test/integration/smtp/(failure-matrix|engine-faults|lifecycle|cut-wire|real-rules)'],
  },
  transaction: {
    mutate: [`${SMTP}/transaction.ts`],
    tests: [
      'test/integration/smtp/(failure-matrix|engine-faults|hostile|lmtp|odd-words|real-rules)',
    ],
  },
  worker: {
    mutate: ['lib/relay/worker/worker.ts', 'lib/relay/worker/transport-watch.ts'],
    tests: ['test/unit/relay', 'test/integration/relay/(relay|route)', 'test/contract/memory'],
  },
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(targets, name));
if (unknown.length > 0) {
  console.error(`Unknown target ${unknown.join(', ')}; known: ${Object.keys(targets).join(', ')}`);
  process.exit(2);
}

const folder = `${ROOT}var/mutation`;
mkdirSync(folder, { recursive: true });
for (const [name, { mutate, tests }] of Object.entries(targets)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  console.log(`\n=== ${name}: ${mutate.join(', ')}`);
  const pattern = `/(${tests.join('|')}).*[.]spec[.]ts$`;
  const jest = `${folder}/${name}.jest.config.mjs`;
  writeFileSync(
    jest,
    `import base from '../../jest.config.js';
const { testMatch, ...rest } = base;
export default { ...rest, rootDir: '../..', testRegex: [${JSON.stringify(pattern)}] };
`,
  );
  const config = `${folder}/${name}.json`;
  const options = {
    testRunner: 'jest',
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    coverageAnalysis: 'perTest',
    jest: {
      projectType: 'custom',
      configFile: `var/mutation/${name}.jest.config.mjs`,
      enableFindRelatedTests: false,
    },
    mutate,
    tsconfigFile: 'var/mutation/none.json',
    tempDirName: 'var/mutation/sandbox',
    ignorePatterns: ['bench', 'dist', 'sample/*/dist', 'var/mutation/sandbox'],
    concurrency: 2,
    timeoutMS: 30_000,
    reporters: ['clear-text'],
    clearTextReporter: { reportTests: false, allowColor: false },
    thresholds: { high: 95, low: 85, break: 85 },
  };
  writeFileSync(config, JSON.stringify(options, null, 2));
  const args = [
    '-y',
    '--loglevel=error',
    ...PACKAGES.flatMap((one) => ['-p', one]),
    '--',
    'stryker',
    'run',
    config,
  ];
  const { code } = await run('npx', args, { stdio: 'inherit' });
  if (code !== 0) process.exitCode = 1;
}
rmSync(`${folder}/sandbox`, { recursive: true, force: true });
