import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

// A gate that never closes is no gate: each is shown a fault that it has to see.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mail-relay-gates-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function plant(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** What a program printed and how it ended, run by this Node. */
function run(args: readonly string[], cwd = ROOT): Promise<{ ok: boolean; output: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: stdout + stderr }),
    );
  });
}

describe('the import gate', () => {
  let answer: { ok: boolean; output: string };
  beforeAll(async () => {
    const files = ['scripts/floors.mjs', 'tsconfig.json', 'tsconfig.build.json'];
    for (const file of ['.dependency-cruiser.mjs', ...files]) {
      await cp(join(ROOT, file), join(folder, file));
    }
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
    const entries = {
      '.': { default: './dist/index.js' },
      './testing': { default: './dist/testing/index.js' },
    };
    await plant({
      'package.json': JSON.stringify({
        type: 'module',
        exports: entries,
        devDependencies: { 'fast-check': '*' },
      }),
      'lib/testing/index.ts': `import './outbox.js';`,
      'lib/testing/outbox.ts': `import '../base/errors.js';`,
      'lib/base/errors.ts': 'export {};',
      'lib/index.ts': `export * from './service/mail.service.js';`,
      'lib/service/mail.service.ts': `import 'undici'; import '../transports/smtp/a.js'; import '../relay/r.js';`,
      'lib/relay/r.ts': `import './spool/s.js';`,
      'lib/relay/spool/s.ts': `import 'fast-check';`,
      'lib/transports/smtp/a.ts': `import '../web-api/b.js'; import type { One } from '../../message/one.js'; export type A = One;`,
      'lib/transports/smtp/protocol/p.ts': `import '../session/s.js';`,
      'lib/transports/smtp/session/s.ts': 'export {};',
      'lib/transports/web-api/b.ts': `import '../../service/mail.service.js';`,
      'lib/message/one.ts': `import type { Two } from './two.js'; export type One = Two;`,
      'lib/message/two.ts': `import type { One } from './one.js'; import '../events/e.js'; export type Two = One;`,
      'lib/events/e.ts': `import './gone.js';`,
      'lib/attic/a.ts': `import '../events/e.js';`,
    });
    const depcruise = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    answer = await run([depcruise, '--config', '.dependency-cruiser.mjs', 'lib'], folder);
  }, 30_000);

  it.each([
    ['a circle of types', 'no-circle: lib/message/(one|two).ts'],
    ['an import that climbs', 'transports-imports-only-down: lib/transports/web-api/b.ts'],
    ['a climb inside SMTP', 'smtp-protocol-imports-only-down: lib/transports/smtp/protocol/p.ts'],
    ['an import of a room beside', 'message-not-beside: lib/message/two.ts'],
    ['a driver that knows another', 'transports-drivers-apart: lib/transports/smtp/a.ts'],
    [
      'a driver used past its front',
      'transports-drivers-behind-their-front: lib/service/mail.service.ts',
    ],
    ['a relay that knows its drivers', 'relay-drivers-behind-their-front: lib/relay/r.ts'],
    ['undici outside its room', 'undici-stays-in-its-room: lib/service/mail.service.ts'],
    ['a development package', 'no-undeclared-package: lib/relay/spool/s.ts'],
    ['an import of nothing', 'resolvable: lib/events/e.ts'],
    ['a room without a floor', 'every-file-has-a-floor: lib/attic/a.ts'],
    ['a file that nobody imports', 'nothing-forgotten: lib/attic/a.ts'],
  ])('refuses %s', (_what, line) => {
    expect(answer.ok).toBe(false);
    expect(answer.output).toMatch(new RegExp(line));
  });

  it('lets be what an entry reaches, from above', () => {
    expect(answer.output).not.toMatch(/: lib\/(testing\/|base\/|index)/);
  });
});

describe('the gate of built types', () => {
  const gate = join(ROOT, 'scripts/check-dts.mjs');

  it('refuses whatever a user may not have, by its file', async () => {
    await plant({
      'types-bad/a.d.ts': `import type { Transporter } from 'nodemailer';`,
      'types-bad/b.d.ts': `export declare const pool: import('undici').Pool;`,
      'types-bad/deep/c.d.ts': `export * from 'bull';`,
      'types-bad/d.d.ts': `import type { Readable } from 'stream';`,
      'types-bad/e.d.ts': `/// <reference types="jest" />`,
      'types-bad/f.d.ts': `export * from './gone.js';`,
    });
    const { ok, output } = await run([gate, join(folder, 'types-bad')]);
    const faults = [...output.matchAll(/(\S+) names '(\S+)'/g)].map(([, file, name]) => [
      file?.replace(/.*types-bad./, ''),
      name,
    ]);
    expect(Object.fromEntries(faults)).toEqual({
      'a.d.ts': 'nodemailer',
      'b.d.ts': 'undici',
      'deep/c.d.ts': 'bull',
      'd.d.ts': 'stream',
      'e.d.ts': 'jest',
      'f.d.ts': './gone.js',
    });
    expect(ok).toBe(false);
  });

  it('lets the peers, node: and relative files through', async () => {
    await plant({
      'types-fine/index.d.ts': `import 'reflect-metadata'; import type { Observable } from 'rxjs'; import type { Readable } from 'node:stream'; import type { Type } from '@nestjs/common'; import type { ModuleRef } from '@nestjs/core'; export * from './other.js';`,
      'types-fine/other.d.ts': `export {};`,
    });
    expect(await run([gate, join(folder, 'types-fine')])).toEqual({ ok: true, output: '' });
  });

  it('refuses a folder without types', async () => {
    await mkdir(join(folder, 'types-none'));
    expect(await run([gate, join(folder, 'types-none')])).toMatchObject({ ok: false });
  });
});

describe('the gate of the root import', () => {
  it('refuses a package that is neither a dependency nor a required peer', async () => {
    await plant({
      'built/package.json': '{ "type": "module" }',
      'built/index.js': `import 'rxjs'; import './deeper.js';`,
      'built/deeper.js': `import 'fast-check';`,
    });
    const gate = join(ROOT, 'scripts/check-root-import.mjs');
    const { ok, output } = await run([gate, join(folder, 'built')]);
    expect(output).toContain('The root import reaches fast-check, by deeper.js');
    expect(ok).toBe(false);
  });
});

describe('the gate of words', () => {
  const gate = join(ROOT, 'scripts/check-words.mjs');

  it('refuses a word that was given up, by file and line', async () => {
    await plant({
      'words-bad/lib/a.ts': `const one = 1;\n/** The road back. */\nexport { one };`,
      'words-bad/docs/guides/b.md': 'Two Roads.',
      'words-bad/README.md': '# Fine: broad, roadmap',
      'words-bad/sample/01/src/c.ts': `console.log('road 1');`,
      'words-bad/dist/d.d.ts': 'export declare const road: string;',
      'words-bad/dist/d.js': 'const road = 1;',
      'words-bad/lib/relay/job.ts': 'const { road } = stored;',
    });
    const { ok, output } = await run([gate, join(folder, 'words-bad')]);
    expect(output.trim().split('\n').sort()).toEqual([
      "dist/d.d.ts:1 says 'road': the word is 'transport'",
      "docs/guides/b.md:1 says 'Roads': the word is 'transport'",
      "lib/a.ts:2 says 'road': the word is 'transport'",
      "sample/01/src/c.ts:1 says 'road': the word is 'transport'",
    ]);
    expect(ok).toBe(false);
  });

  it('has nothing to say of this repository', async () => {
    expect(await run([gate])).toEqual({ ok: true, output: '' });
  });
});

describe('the gate of the docs', () => {
  const gate = join(ROOT, 'scripts/check-docs.mjs');
  const PRELUDE = `<!-- prelude\nimport { MailModule, type MailService } from 'nestjs-mail-relay';\ndeclare const mail: MailService;\n-->\n`;
  const ts = (code: string) => `\`\`\`ts\n${code}\n\`\`\`\n`;

  it('refuses snippets that do not compile and links that lead nowhere, by page and line', async () => {
    await plant({
      'docs-bad/README.md': [
        '# A page\n\n[gone](docs/gone.md) [no heading](docs/a.md#other) [here](#a-page)\n',
        ts('await mail.send({});'),
        PRELUDE,
        ts(`MailModule.forRoot({ transport: 'memory:', tranport: 1 });`),
        ts(`await mail.send({ to: 'jo@example.com' }, { delay: 5 });`),
        ts(`// own.ts\nMailModule.forRoot({ transport: 'memory:' });`),
      ].join(''),
      'docs-bad/docs/a.md': `# Head\n${PRELUDE}${ts(
        `MailModule.forRoot({ transport: 'memory:', name: process.env.NAME });\nMailModule.forRoot({ transport: process.env.URL });`,
      )}`,
    });
    const { ok, output } = await run([gate, join(folder, 'docs-bad')]);
    const lines = output.split('\n');
    const seen = (start: string) => lines.filter((line) => line.startsWith(start)).join('\n');
    expect(seen('README.md:3:')).toMatch(/no docs\/gone\.md/);
    expect(seen('README.md:3:')).toMatch(/no heading #other in docs\/a\.md/);
    expect(seen('README.md:3:')).not.toMatch(/a-page/);
    expect(seen('README.md:5:')).toMatch(/Cannot find name 'mail'/);
    expect(seen('README.md:12:')).toMatch(/tranport/);
    expect(seen('README.md:15:')).toMatch(/delay/);
    expect(seen('README.md:19:')).toMatch(/Cannot find name 'MailModule'/);
    expect(seen('docs/a.md:7:')).toMatch(/exactOptionalPropertyTypes/);
    expect(seen('docs/a.md:8:')).toMatch(/undefined/);
    expect(ok).toBe(false);
  }, 120_000);

  it('lets through what compiles and leads somewhere', async () => {
    await plant({
      'docs-fine/README.md': `# A page\n[there](docs/a.md#head-1)\n${PRELUDE}${ts(
        `await mail.send({ to: 'jo@example.com', text: 'x' });`,
      )}`,
      'docs-fine/docs/a.md': `# Head\n## Head\n${ts('// one.ts\nexport const one = 1;')}${ts(
        `// two.ts\nimport { one } from './one.js';\none.toFixed();`,
      )}`,
    });
    expect(await run([gate, join(folder, 'docs-fine')])).toEqual({ ok: true, output: '' });
  }, 120_000);
});
