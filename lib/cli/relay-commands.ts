import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Mail } from '../message/mail.js';
import type { JobDetails, JobSummary, MailRelay } from '../relay/relay.js';
import { SpoolRelay } from '../relay/spool/index.js';
import { readSpoolOptions } from '../relay/spool/spool.options.js';
import { suggest } from '../base/suggest.js';
import type { CliOutput } from './output.js';
import { printable, table } from './table.js';

/** What the commands are for, one a line. */
export const RELAY_COMMANDS = {
  status: 'how many mails are in the spool, by state',
  dead: 'mails given up, oldest first (--limit N, --after ID)',
  'show ID': 'one mail',
  'retry ID...': 'send dead mails again (--all for all of them)',
  'discard ID...': 'remove dead mails for good (--all for all of them)',
};

/** Answers the exit code, or what is wrong with the arguments. */
export async function runRelayCommand(
  args: readonly string[],
  { out, err }: CliOutput,
): Promise<number | { readonly misused: string }> {
  const parsed = parse(args);
  if (typeof parsed === 'string') return { misused: parsed };
  const { command, ids, path, json, all } = parsed;
  if (!existsSync(path)) {
    err(`There is no spool at ${path}; name it with --spool FILE or MAIL_SPOOL`);
    return 1;
  }
  const relay = new SpoolRelay(readSpoolOptions({ path, thread: false, minFreeBytes: 0 }));
  try {
    const answer = await run(relay, command, all ? 'all' : ids, parsed);
    out(json ? JSON.stringify(answer.data, null, 2) : answer.text);
    return answer.failed === true ? 1 : 0;
  } finally {
    await relay.close();
  }
}

const COMMANDS = ['status', 'dead', 'show', 'retry', 'discard'] as const;
type Command = (typeof COMMANDS)[number];

function unknownCommand(name: string): string {
  const near = suggest(name, [...COMMANDS, 'types']);
  return `There is no command ${name}.${near === undefined ? '' : ` Did you mean ${near}?`}`;
}

interface Arguments {
  readonly command: Command;
  readonly ids: readonly string[];
  readonly path: string;
  readonly json: boolean;
  readonly all: boolean;
  readonly limit: number;
  readonly after?: string;
}

/** What was asked for, or what is wrong with it. */
function parse(args: readonly string[]): Arguments | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        spool: { type: 'string' },
        json: { type: 'boolean', default: false },
        all: { type: 'boolean', default: false },
        limit: { type: 'string', default: '100' },
        after: { type: 'string' },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  const [name = '', ...ids] = positionals;
  const { json, all, after } = values;
  const path = values.spool ?? (process.env['MAIL_SPOOL'] || 'var/mail.db');
  const limit = Number(values.limit);
  const rest = { ids, path, json, all, limit, after };
  const command = COMMANDS.find((one) => one === name);
  if (!command) return unknownCommand(name);
  if (!Number.isInteger(limit) || limit < 1) return '--limit takes a number of at least 1';
  if (command === 'show' && ids.length !== 1) return 'show takes one ID';
  const changes = command === 'retry' || command === 'discard';
  if (changes && all === ids.length > 0) return `${command} takes IDs or --all`;
  return { command, ...rest };
}

interface Answer {
  readonly data: unknown;
  readonly text: string;
  readonly failed?: boolean;
}

async function run(
  relay: MailRelay,
  command: Command,
  ids: readonly string[] | 'all',
  { limit, after }: Arguments,
): Promise<Answer> {
  switch (command) {
    case 'status': {
      const stats = await relay.stats();
      const rows = Object.entries(stats).map(([state, count]) => [state, String(count)]);
      return { data: stats, text: table(['STATE', 'MAILS'], rows) };
    }
    case 'dead': {
      const jobs = await relay.list({
        state: 'dead',
        limit,
        ...(after !== undefined && { after }),
      });
      return { data: jobs, text: jobs.length === 0 ? 'No dead mail' : deadTable(jobs) };
    }
    case 'show': {
      const id = ids[0] ?? '';
      const job = await relay.show(id);
      if (!job) return { data: null, text: `No mail ${id}`, failed: true };
      return { data: job, text: describeJob(job) };
    }
    case 'retry':
    case 'discard': {
      const count = await (command === 'retry' ? relay.retry(ids) : relay.discard(ids));
      const missed = ids !== 'all' && count < ids.length;
      const done = command === 'retry' ? 'to be sent again' : 'discarded';
      return { data: { count }, text: `${count} ${done}`, failed: missed };
    }
  }
}

const time = (ms: number) => new Date(ms).toISOString();

function deadTable(jobs: readonly JobSummary[]): string {
  return table(
    ['ID', 'REASON', 'ATTEMPTS', 'QUEUED', 'FAILURE'],
    jobs.map(({ id, reason = '', attempts, queuedAt, failure }) => [
      id,
      reason,
      String(attempts),
      time(queuedAt),
      printable(failure?.response ?? failure?.message ?? '').slice(0, 100),
    ]),
  );
}

function describeJob({ mail, ...job }: JobDetails): string {
  const rows = [
    ['id', job.id],
    ['message-id', job.messageId],
    ['state', job.reason === undefined ? job.state : `${job.state} (${job.reason})`],
    ['attempts', String(job.attempts)],
    ['queued', time(job.queuedAt)],
    ...(job.dueAt === undefined ? [] : [['due', time(job.dueAt)]]),
    ...(job.failure ? [['failure', job.failure.message]] : []),
    ...(job.failure?.response === undefined ? [] : [['response', job.failure.response]]),
    ...(mail ? mailRows(mail) : [['mail', 'cannot be read']]),
  ];
  return rows.map(([name = '', value = '']) => `${name.padEnd(12)}${printable(value)}`).join('\n');
}

function mailRows({ envelope, subject, attachments }: Mail): string[][] {
  return [
    ['from', envelope.from || '<>'],
    ['to', envelope.to.join(', ')],
    ['subject', subject],
    ['attachments', attachments.map(({ filename }) => filename ?? '(unnamed)').join(', ')],
  ];
}
