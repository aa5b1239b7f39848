import { createRequire } from 'node:module';
import { MailError } from '../base/errors.js';
import { BACKUP_COMMAND, runBackup } from './backup-command.js';
import type { CliOutput } from './output.js';
import { RELAY_COMMANDS, runRelayCommand } from './relay-commands.js';
import { printableLines } from './printable.js';
import { runTypes, TYPES_COMMAND } from './types-command.js';

const USAGE = `nestjs-mail-relay COMMAND [--json] [--help] [--version]

${lines(RELAY_COMMANDS)}

The relay is --relay spool:FILE or --relay redis://HOST/DB?queue=NAME, or $MAIL_RELAY; for a spool also
--spool FILE or $MAIL_SPOOL, else var/mail.db. It may be in use. --version tells the package's version.

${lines({ ...BACKUP_COMMAND, ...TYPES_COMMAND })}`;

/** The command line: returns the exit code, 0 when done, 1 when it failed, 2 when misused. */
export async function runCli(args: readonly string[], terminal: CliOutput): Promise<number> {
  // Whatever a server or a file said: nothing of it speaks to the terminal.
  const output = {
    out: (text: string) => terminal.out(printableLines(text)),
    err: (text: string) => terminal.err(printableLines(text)),
  };
  const [command, ...rest] = args;
  const help = args.includes('--help') || args.includes('-h');
  try {
    if (command === 'types') return await runTypes(rest, output);
    if (args.includes('--version')) {
      output.out(version());
      return 0;
    }
    if (command === undefined || command === 'help' || help) {
      output.out(USAGE);
      return 0;
    }
    const isBackup = command === 'backup';
    const done = isBackup ? runBackup(rest, output) : await runRelayCommand(args, output);
    if (typeof done === 'number') return done;
    output.err(`${done.misused}\n\n${USAGE}`);
    return 2;
  } catch (error) {
    // A fault of what was given is told in a line, one of ours with its stack.
    if (!(error instanceof MailError)) throw error;
    output.err(error.message);
    return 1;
  }
}

function version(): string {
  const manifest = createRequire(import.meta.url)('../../package.json') as { version: string };
  return manifest.version;
}

function lines(commands: Readonly<Record<string, string>>): string {
  return Object.entries(commands)
    .map(([name, says]) => `  ${name.padEnd(15)}  ${says}`)
    .join('\n');
}
