import { existsSync } from 'node:fs';
import { MailRelayError } from '../base/errors.js';
import { SpoolFile } from '../relay/spool/spool-file.js';
import type { CliOutput } from './output.js';

/** What the command is for, in a line. */
export const BACKUP_COMMAND = {
  'backup SPOOL TARGET': 'copy a spool that may be in use into one file (mode 600)',
};

/**
 * A copy of the file alone would miss what is in the log. Returns the exit code, or what is wrong with the
 * arguments.
 */
export function runBackup(
  args: readonly string[],
  { out, err }: CliOutput,
): number | { readonly misused: string } {
  const [path, target, ...more] = args;
  if (path === undefined || target === undefined || more.length > 0) {
    return { misused: 'backup takes a spool and a file to make' };
  }
  if (!existsSync(path)) {
    err(`There is no spool at ${path}`);
    return 1;
  }
  try {
    const file = new SpoolFile({ path }, err);
    try {
      file.copyTo(target);
    } finally {
      file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MailRelayError(`The spool ${path} is not copied to ${target}: ${why}`);
  }
  out(`${path} is copied to ${target}`);
  return 0;
}
