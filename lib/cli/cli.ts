import { MailError } from '../base/errors.js';
import type { CliOutput } from './output.js';
import { RELAY_COMMANDS, runRelayCommand } from './relay-commands.js';
import { runTypes, TYPES_COMMAND } from './types-command.js';

const USAGE = `nestjs-mail-relay COMMAND [--json] [--help]

${lines(RELAY_COMMANDS)}

The spool is --spool FILE, or $MAIL_SPOOL, or var/mail.db. It may be in use.

${lines(TYPES_COMMAND)}`;

/** The command line: answers the exit code, 0 when done, 1 when it failed, 2 when misused. */
export async function runCli(args: readonly string[], output: CliOutput): Promise<number> {
  const [command, ...rest] = args;
  const help = args.includes('--help') || args.includes('-h');
  try {
    if (command === 'types') return await runTypes(rest, output);
    if (command === undefined || help) {
      output.out(USAGE);
      return 0;
    }
    const done = await runRelayCommand(args, output);
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

function lines(commands: Readonly<Record<string, string>>): string {
  return Object.entries(commands)
    .map(([name, says]) => `  ${name.padEnd(15)}  ${says}`)
    .join('\n');
}
