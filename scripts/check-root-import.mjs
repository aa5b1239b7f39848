/**
 * Imports the built root with a loader hook that refuses, to our own files, every package but the
 * dependencies and the four peers. An optional peer that the root reached would fail here, whether
 * or not it happens to be installed. So would a transport's engine and what it stands on: they are loaded once
 * they are configured.
 *
 * `node scripts/check-root-import.mjs [folder]`, by default `dist`.
 */
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './process.mjs';

/** @typedef {{ dependencies: Record<string, string>, peerDependencies: Record<string, string>, peerDependenciesMeta?: Record<string, { optional?: boolean }> }} Manifest */
const manifest = /** @type {Manifest} */ (
  JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8'))
);
const peers = Object.keys(manifest.peerDependencies).filter(
  (name) => manifest.peerDependenciesMeta?.[name]?.optional !== true,
);
const data = {
  ours: pathToFileURL(`${resolve(ROOT, process.argv[2] ?? 'dist')}/`).href,
  allowed: [...Object.keys(manifest.dependencies), ...peers],
  later: {
    packages: ['undici', 'nodemailer'],
    files: '/transports/web-api/(?:web-api[.]engine|http-[a-z]+|[^/]+/[^/]+[.]provider)[.]js$',
  },
};

const hook = `
  let data;
  export const initialize = (given) => { data = given; };
  export const resolve = (name, context, next) => {
    const bare = !/^(\\.|\\/|node:|file:)/.test(name);
    const known = data.allowed.some((one) => name === one || name.startsWith(one + '/'));
    if (bare && !known && context.parentURL?.startsWith(data.ours)) {
      throw new Error('The root import reaches ' + name + ', by ' + context.parentURL.slice(data.ours.length));
    }
    const late =
      data.later.packages.some((one) => name === one || name.startsWith(one + '/')) ||
      new RegExp(data.later.files).test(new URL(name, context.parentURL ?? data.ours).href);
    if (late && context.parentURL?.startsWith(data.ours)) {
      throw new Error('The root import loads ' + name + ', by ' + context.parentURL.slice(data.ours.length) + '; it is loaded with its first use');
    }
    return next(name, context);
  };
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, { data });

try {
  await import(new URL('index.js', data.ours).href);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
