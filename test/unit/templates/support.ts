import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { TemplateStore } from '../../../lib/templates/template-store.js';
import {
  readTemplatesOptions,
  type TemplatesOptions,
} from '../../../lib/templates/templates.options.js';

const folders: string[] = [];

/** A folder with these files; removed by `removeFolders`. */
export function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mail-templates-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

export function storeOf(
  files: Readonly<Record<string, string | Buffer>>,
  options: TemplatesOptions = {},
): TemplateStore {
  return new TemplateStore(readTemplatesOptions('templates', { dir: folderOf(files), ...options }));
}

/** What a promise was rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it did not fail');
}
