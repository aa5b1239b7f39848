import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type * as testing from '../../lib/relay/driver/testing.js';
import type { MailRelay } from '../../lib/relay/relay.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TESTING = '../../dist/relay/driver/testing.js';

/** The guide's driver, compiled and run in a folder that knows of the package only what it exports. */
const folder = mkdtempSync(join(tmpdir(), 'mail-driver-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules', 'nestjs-mail-relay'), 'dir');
symlinkSync(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'), 'dir');
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
const guide = readFileSync(join(ROOT, 'docs/guides/write-a-driver.md'), 'utf8');
const [source] = Array.from(guide.matchAll(/```ts\n(.*?)```/gs), (block) => block[1]!);
const file = join(folder, 'json-relay.ts');
writeFileSync(file, source!);

type Testing = typeof testing;
type JsonRelay = new (path: string) => MailRelay;

const { relayContract } = (await import(TESTING)) as Testing;
const { outputText } = ts.transpileModule(source!, {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
});
writeFileSync(join(folder, 'json-relay.js'), outputText);
const written = (await import(pathToFileURL(join(folder, 'json-relay.js')).href)) as {
  readonly JsonRelay: JsonRelay;
};

it('compiles as a user compiles it', () => {
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(folder, 'node_modules', '@types')],
  });
  const faults = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  expect(faults).toEqual([]);
}, 60_000);

let made = 0;
relayContract({ describe, it, afterEach, expect }, 'the one of the guide', async () => {
  made += 1;
  const path = join(folder, `${made}`, 'mail.json');
  const clients: MailRelay[] = [];
  return {
    client: async () => {
      const relay = new written.JsonRelay(path);
      clients.push(relay);
      return relay;
    },
    rewrite: async (id, change) => {
      // It keeps in memory what stands in its file.
      const { file } = clients[0] as unknown as {
        readonly file: { readonly contents: { readonly rows: { id: string; body: string }[] } };
      };
      const row = file.contents.rows.find((one) => one.id === id)!;
      row.body = JSON.stringify(change(JSON.parse(row.body) as Record<string, unknown>));
    },
    dispose: async () => {
      await Promise.all(clients.map((relay) => relay.close()));
    },
  };
});
