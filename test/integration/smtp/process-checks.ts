import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs an ES module that may import from the built package as `lib + 'path.js'`; returns what it wrote. */
export async function runProgram(
  program: string,
  environment: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<{ stdout: string; stderr: string }> {
  const lib = new URL('../../../dist/', import.meta.url).href;
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  const text = program.replaceAll('$LIB/', lib);
  const args = [...flags, '--input-type=module', '-e', text];
  return promisify(execFile)(process.execPath, args, { env, timeout: 25_000, maxBuffer: 1e8 });
}
