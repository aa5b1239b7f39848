/**
 * The built types may name relative files, `node:` modules and the four peers. Anything else would
 * have to be installed by a user who only wants to compile: an optional peer, nodemailer, undici.
 *
 * `node scripts/check-dts.mjs [folder]`, by default `dist`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { ROOT } from './process.mjs';

const PEERS = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];

const folder = resolve(ROOT, process.argv[2] ?? 'dist');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => join(folder, name));

/**
 * @param {string} file
 * @param {string} name
 */
function fault(file, name) {
  if (name.startsWith('.')) {
    const target = join(dirname(file), name.replace(/\.js$/, '.d.ts'));
    return existsSync(target) ? undefined : 'which was not built';
  }
  if (name.startsWith('node:') || PEERS.includes(name)) return undefined;
  return `which is neither a relative file, a node: module nor one of ${PEERS.join(', ')}`;
}

const faults = files.flatMap((file) => {
  const text = readFileSync(file, 'utf8');
  const found = ts.preProcessFile(text, true, true);
  const names = [
    ...found.importedFiles.map((entry) => entry.fileName),
    ...found.typeReferenceDirectives
      .map((entry) => entry.fileName)
      .filter((name) => name !== 'node'),
    ...(found.ambientExternalModules ?? []),
  ];
  return names.flatMap((name) => {
    const why = fault(file, name);
    return why === undefined ? [] : [`${relative(ROOT, file)} names '${name}', ${why}`];
  });
});

if (files.length === 0) faults.push(`no .d.ts in ${folder}`);
for (const line of faults) console.error(line);
process.exitCode = faults.length === 0 ? 0 : 1;
