/**
 * README and docs: every `ts` snippet compiles against the built package, under `strict` and again
 * under `exactOptionalPropertyTypes`, and every relative link leads to a file and an anchor.
 *
 * A snippet whose first line is `// name.ts` is that file, whole, and others of its page may import it.
 * Before every other one stands the page's last prelude above it: an html comment that begins with
 * `<!-- prelude` and holds the imports and declarations that the snippet leaves out.
 *
 * `node scripts/check-docs.mjs [folder]`, by default the repository.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { readPage } from './markdown.mjs';
import { ROOT } from './process.mjs';

/** @typedef {import('./markdown.mjs').Page & { name: string }} NamedPage */
/** @typedef {{ name: string, code: string, lines: number[] }} Source `lines` of the page, one for each of its code */

/** @type {Map<string, import("typescript").SourceFile | undefined>} */
const parsed = new Map();
const folder = resolve(ROOT, process.argv[2] ?? '.');
/** Where snippets seem to stand: inside the package, which they import by its name. Nothing is written. */
const VIRTUAL = `${ROOT}.docs/`;

/** @type {import('typescript').CompilerOptions} */
const STRICT = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  noEmit: true,
  types: ['node'],
};
const MODES = [STRICT, { ...STRICT, exactOptionalPropertyTypes: true }];

const names = readdirSync(folder, { encoding: 'utf8' }).concat(
  readdirSync(join(folder, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) =>
    join('docs', name),
  ),
);
/** @type {NamedPage[]} */
const pages = names
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, ...readPage(readFileSync(join(folder, name), 'utf8')) }));

const faults = new Set([...pages.flatMap(deadLinks), ...groupsOf(pages).flatMap(compile)]);
for (const line of faults) console.error(line);
process.exitCode = faults.size === 0 ? 0 : 1;

/** @param {NamedPage} page */
function deadLinks({ name, links, anchors }) {
  return links.flatMap(({ target, line }) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? name : join(dirname(name), path);
    const at = `${name}:${line}: `;
    if (!existsSync(join(folder, file))) return [`${at}there is no ${file}`];
    if (anchor === undefined) return [];
    const there = file === name ? anchors : pages.find((page) => page.name === file)?.anchors;
    return there?.has(anchor) ? [] : [`${at}there is no heading #${anchor} in ${file}`];
  });
}

/**
 * What a page declares in modules and global scope holds for its own snippets alone.
 *
 * @param {readonly NamedPage[]} all
 * @returns {Source[][]}
 */
function groupsOf(all) {
  /** @type {Source[]} */
  const shared = [];
  /** @type {Source[][]} */
  const apart = [];
  for (const page of all) {
    const sources = sourcesOf(page);
    if (sources.some(({ code }) => /\bdeclare (global|module)\b/.test(code))) apart.push(sources);
    else shared.push(...sources);
  }
  return [shared, ...apart];
}

/**
 * @param {NamedPage} page
 * @returns {Source[]}
 */
function sourcesOf({ name, blocks, preludes }) {
  return blocks
    .filter(({ language }) => language === 'ts' || language === 'typescript')
    .map(({ code, line }) => {
      const [, file] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? [];
      const prelude = file === undefined ? preludes.findLast((one) => one.line < line) : undefined;
      const parts = prelude ? [prelude, { code, line }] : [{ code, line }];
      return {
        name: `${VIRTUAL}${name}/${file ?? `line-${line}.ts`}`,
        // Made a module also where it imports nothing, for its `await` and its names.
        code: `${parts.map((part) => part.code).join('')}export {};\n`,
        lines: parts.flatMap((part) =>
          part.code
            .split('\n')
            .slice(0, -1)
            .map((_, index) => part.line + index),
        ),
      };
    });
}

/**
 * @param {readonly Source[]} sources
 * @returns {string[]}
 */
function compile(sources) {
  return MODES.flatMap((options) => {
    const host = hostOf(sources, options);
    const program = ts.createProgram(
      sources.map(({ name }) => name),
      options,
      host,
    );
    return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const words = ts.flattenDiagnosticMessageText(messageText, '\n');
      const source = sources.find(({ name }) => name === file?.fileName);
      if (!file || !source) return `${file ? relative(ROOT, file.fileName) : ''}: ${words}`;
      const { line } = file.getLineAndCharacterOfPosition(start);
      const page = relative(VIRTUAL, dirname(source.name));
      return `${page}:${source.lines[line] ?? source.lines.at(-1)}: ${words}`;
    });
  });
}

/**
 * Reads snippets from memory. Files of packages are parsed once for all programs.
 *
 * @param {readonly Source[]} sources
 * @param {import('typescript').CompilerOptions} options
 */
function hostOf(sources, options) {
  const code = new Map(sources.map((source) => [source.name, source.code]));
  const host = ts.createCompilerHost(options);
  const fileExists = host.fileExists.bind(host);
  const readFile = host.readFile.bind(host);
  const getSourceFile = host.getSourceFile.bind(host);
  const directoryExists = host.directoryExists?.bind(host);
  host.fileExists = (name) => code.has(name) || fileExists(name);
  host.readFile = (name) => code.get(name) ?? readFile(name);
  host.directoryExists = (name) => name.startsWith(VIRTUAL) || !!directoryExists?.(name);
  host.getSourceFile = (name, language, ...rest) => {
    const text = code.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, language, true);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, language, ...rest));
    return parsed.get(name);
  };
  return host;
}
