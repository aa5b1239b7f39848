import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE = process.execPath;
const CLI = join(ROOT, 'dist/cli/main.js');

let folder: string;
/** A copy beside the samples, so that it finds their packages and may be changed. */
beforeAll(() => {
  mkdirSync(join(ROOT, 'var'), { recursive: true });
  folder = mkdtempSync(join(ROOT, 'var/sample-'));
  const ours = join(ROOT, 'sample/04-templates');
  // What the sample's own configuration extends.
  cpSync(join(ROOT, 'sample/tsconfig.json'), join(ROOT, 'var/tsconfig.json'));
  cpSync(ours, folder, { recursive: true, filter: (path) => !/node_modules|\/dist/.test(path) });
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    // Under Jest's own NODE_OPTIONS the sample would not run as a user runs it.
    const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' };
    execFile(NODE, args, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error ? 1 : 0, output: stdout + stderr });
    });
  });
}

async function runTests() {
  const built = await run(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.');
  return built.code === 0 ? run('--test', 'dist/test/') : built;
}

describe('sample/04-templates', () => {
  it('has types that are what its templates say', async () => {
    const checked = ['types', '--dir', 'mails', '--out', 'src/mail-templates.d.ts', '--check'];
    expect(await run(CLI, ...checked)).toMatchObject({ code: 0 });
  });

  it('passes its own tests, without a network', async () => {
    const { code, output } = await runTests();
    expect(output).toMatch(/pass 5/);
    expect(code).toBe(0);
  });

  it('fails with a readable diff when a mail changes, and not to compile when a name does', async () => {
    const welcome = join(folder, 'mails/welcome.hbs');
    const before = readFileSync(welcome, 'utf8');
    writeFileSync(welcome, before.replace('you are ready to go', 'off you go'));
    const changed = await runTests();
    expect(changed.code).toBe(1);
    expect(changed.output).toMatch(/\+ +'?.*off you go[^]*- +'?.*you are ready to go/);

    const mails = join(folder, 'src/accounts.mails.ts');
    writeFileSync(
      mails,
      readFileSync(mails, 'utf8').replace("template: 'reset'", "template: 'rest'"),
    );
    const misspelt = await runTests();
    expect(misspelt.output).toMatch(/accounts\.mails\.ts.*error TS/);
  });
});
