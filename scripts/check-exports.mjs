/**
 * Every entry of the exports map, seen from a user's folder: its files are packed, `import` and
 * `require` both load it, and TypeScript finds its types in each way that apps resolve: `node10` (the
 * CommonJS templates, which do not know exports: they need `types` or `typesVersions`), `nodenext`
 * from ESM and from CommonJS, and `bundler`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { run, ROOT } from './process.mjs';

/** @typedef {{ types?: string, default: string }} Entry */
/** @typedef {{ name: string, exports: Record<string, Entry | string> }} Manifest */

const { ModuleResolutionKind: Kind, ModuleKind } = ts;
/** @type {[string, ts.ModuleResolutionKind, ts.ResolutionMode][]} */
const modes = [
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what many apps still resolve by
  ['node10', Kind.Node10, undefined],
  ['nodenext from ESM', Kind.NodeNext, ModuleKind.ESNext],
  ['nodenext from CommonJS', Kind.NodeNext, ModuleKind.CommonJS],
  ['bundler', Kind.Bundler, undefined],
];

const manifest = /** @type {Manifest} */ (JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')));

const app = mkdtempSync(join(tmpdir(), 'mail-relay-exports-'));
try {
  mkdirSync(join(app, 'node_modules'));
  symlinkSync(ROOT, join(app, 'node_modules', manifest.name), 'dir');
  const packed = await packedFiles();
  const entries = Object.entries(manifest.exports);
  const faults = [
    ...['./LICENSE', './README.md'].flatMap((file) => missing(packed, file)),
    ...(await Promise.all(entries.map(([key, entry]) => faultsOf(packed, key, entry)))).flat(),
  ];
  for (const line of faults) console.error(line);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  rmSync(app, { recursive: true });
}

/** @returns {Promise<Set<string>>} */
async function packedFiles() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const { output } = await run('npm', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pack] = /** @type {{ files: { path: string }[] }[]} */ (JSON.parse(output));
  return new Set(pack?.files.map((file) => `./${file.path}`));
}

/**
 * @param {Set<string>} packed
 * @param {string} file
 */
function missing(packed, file) {
  return packed.has(file) ? [] : [`${file} is not in the package`];
}

/**
 * @param {Set<string>} packed
 * @param {string} key
 * @param {Entry | string} entry
 */
async function faultsOf(packed, key, entry) {
  const specifier = manifest.name + key.slice(1);
  if (typeof entry === 'string') return missing(packed, entry);
  const faults = Object.values(entry).flatMap((file) => missing(packed, file));
  if (entry.types === undefined) faults.push(`${specifier} has no types`);
  for (const [how, kind, mode] of modes) {
    const found = typesOf(specifier, kind, mode);
    if (found !== entry.types) faults.push(`${specifier} by ${how}: types are ${found}`);
  }
  const loads = [
    ['--input-type=module', '-e', `await import('${specifier}')`],
    ['--input-type=commonjs', '-e', `require('${specifier}')`],
  ];
  for (const args of loads) {
    const { code, output } = await run(process.execPath, args, { cwd: app });
    if (code !== 0) faults.push(`${args[2]} fails:\n${output}`);
  }
  return faults;
}

/**
 * @param {string} specifier
 * @param {ts.ModuleResolutionKind} moduleResolution
 * @param {ts.ResolutionMode} mode
 */
function typesOf(specifier, moduleResolution, mode) {
  const from = join(app, 'consumer.ts');
  const answer = ts.resolveModuleName(
    specifier,
    from,
    { moduleResolution },
    ts.sys,
    undefined,
    undefined,
    mode,
  );
  const file = answer.resolvedModule?.resolvedFileName;
  return file?.startsWith(ROOT) ? `./${file.slice(ROOT.length)}` : file;
}
