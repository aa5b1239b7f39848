#!/usr/bin/env node
import { MailError } from '../errors.js';
import { suggest } from '../suggest.js';
import type { Command } from './command.js';
import { typesCommand } from './types.command.js';

const COMMANDS: readonly Command[] = [typesCommand];

const [name = '--help', ...args] = process.argv.slice(2);
const print = (line: string) => process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) {
    const near = suggest(
      name,
      COMMANDS.map((one) => one.name),
    );
    if (name !== '--help')
      print(`There is no command ${name}.${near ? ` Did you mean ${near}?` : ''}\n`);
    print('npx nestjs-mail-relay <command> [--help]\n');
    for (const one of COMMANDS) print(`  ${one.name.padEnd(10)} ${one.says}`);
    return name === '--help' ? 0 : 2;
  }
  try {
    return await command.run(args, print);
  } catch (error) {
    // A fault of what was given is told in a line, one of ours with its stack.
    const known = error instanceof MailError || (error instanceof TypeError && 'code' in error);
    process.stderr.write(`${known ? error.message : String((error as Error).stack)}\n`);
    return 1;
  }
}
