import { parseArgs } from 'node:util';
import { suggest } from '../base/suggest.js';
import type { Mail } from '../message/mail.js';
import type { JobDetails, JobState, MailRelay } from '../relay/relay.js';
import { openRelay } from './open-relay.js';
import type { CliOutput } from './output.js';
import { jsonText, printable } from './printable.js';
import { table } from './table.js';

/** What the commands are for, one a line. */
export const RELAY_COMMANDS = {
  status: 'how many mails are in the relay, by state',
  list: 'mails of a state, oldest first (--state dead, --limit N, --after ID)',
  dead: 'the same as list --state dead',
  'show ID': 'one mail',
  'retry ID...': 'send dead mails again (--all for all of them)',
  'discard ID...': 'remove dead mails for good (--all for all of them)',
};

/** Returns the exit code, or what is wrong with the arguments. */
export async function runRelayCommand(
  args: readonly string[],
  { out }: CliOutput,
): Promise<number | { readonly misused: string }> {
  const parsed = parse(args);
  if (typeof parsed === 'string') return { misused: parsed };
  const { command, ids, url, json, all } = parsed;
  const relay = await openRelay(url);
  try {
    const answer = await run(relay, command, all ? 'all' : ids, parsed);
    out(json ? jsonText(answer.data) : answer.text);
    return answer.failed === true ? 1 : 0;
  } finally {
    await relay.close();
  }
}

const COMMANDS = ['status', 'list', 'dead', 'show', 'retry', 'discard'] as const;
type Command = (typeof COMMANDS)[number];

const STATES: readonly JobState[] = ['queued', 'scheduled', 'deferred', 'leased', 'dead', 'sent'];

const OPTIONS = {
  relay: { type: 'string' },
  spool: { type: 'string' },
  json: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  state: { type: 'string', default: 'dead' },
  limit: { type: 'string', default: '100' },
  after: { type: 'string' },
} as const;

const didYouMean = (near: string | undefined): string =>
  near === undefined ? '' : ` Did you mean ${near}?`;

function unknownCommand(name: string): string {
  const near = suggest(name, [...COMMANDS, 'types', 'help']);
  return `There is no command ${name}.${didYouMean(near)}`;
}

/** Node's own words for it advise on something else. */
function unknownOption(args: readonly string[]): string | undefined {
  const known = [...Object.keys(OPTIONS), 'help', 'version'];
  const given = args.flatMap((arg) => /^--([^=]+)/.exec(arg)?.[1] ?? []);
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  const near = suggest(unknown, known);
  return `There is no option --${unknown}.${didYouMean(near && `--${near}`)}`;
}

interface Arguments {
  readonly command: Command;
  readonly ids: readonly string[];
  readonly url: string;
  readonly json: boolean;
  readonly all: boolean;
  readonly state: JobState;
  readonly limit: number;
  readonly after?: string;
}

/** What was asked for, or what is wrong with it. */
function parse(args: readonly string[]): Arguments | string {
  const typo = unknownOption(args);
  if (typo !== undefined) return typo;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  const [name = '', ...ids] = positionals;
  const { json, all, after } = values;
  const command = COMMANDS.find((one) => one === name);
  if (!command) return unknownCommand(name);
  const wanted = command === 'dead' ? 'dead' : values.state;
  const state = STATES.find((one) => one === wanted);
  if (!state) {
    return `--state takes one of ${STATES.join(', ')}.${didYouMean(suggest(wanted, STATES))}`;
  }
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1) return '--limit takes a number of at least 1';
  if (command === 'show' && ids.length !== 1) return 'show takes one ID';
  const changes = command === 'retry' || command === 'discard';
  if (changes && all === ids.length > 0) return `${command} takes IDs or --all`;
  if (!changes && command !== 'show' && ids.length > 0) return `${command} takes no ${ids[0]!}`;
  return {
    command,
    ids,
    url: urlOf(values),
    json,
    all,
    state,
    limit,
    ...(after !== undefined && { after }),
  };
}

function urlOf({ relay, spool }: { readonly relay?: string; readonly spool?: string }): string {
  if (relay !== undefined) return relay;
  if (spool !== undefined) return `spool:${spool}`;
  const { MAIL_RELAY, MAIL_SPOOL } = process.env;
  return MAIL_RELAY || `spool:${MAIL_SPOOL || 'var/mail.db'}`;
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
  { state, limit, after }: Arguments,
): Promise<Answer> {
  switch (command) {
    case 'status': {
      const stats = await relay.stats();
      const rows = Object.entries(stats).map(([state, count]) => [state, String(count)]);
      return { data: stats, text: table(['STATE', 'MAILS'], rows) };
    }
    case 'list':
    case 'dead': {
      const jobs = await relay.list({ state, limit, ...(after !== undefined && { after }) });
      const listed: JobDetails[] = [];
      for (const job of jobs) listed.push((await relay.show(job.id)) ?? job);
      const data = listed.map(({ mail, ...job }) => ({
        ...job,
        recipients: mail?.envelope.to ?? [],
        ageMs: Math.max(0, Date.now() - job.queuedAt),
      }));
      return { data, text: jobs.length === 0 ? `No ${state} mail` : jobTable(listed) };
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

/** How long ago, as people say it. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}

function jobTable(jobs: readonly JobDetails[]): string {
  return table(
    ['ID', 'STATE', 'TO', 'AGE', 'ATTEMPTS', 'DUE', 'FAILURE'],
    jobs.map(({ id, state, reason, mail, attempts, queuedAt, dueAt, failure }) => [
      id,
      reason === undefined ? state : `${state} (${reason})`,
      recipientsOf(mail),
      age(queuedAt),
      String(attempts),
      dueAt === undefined ? '' : time(dueAt),
      printable(failure?.response ?? failure?.message ?? '').slice(0, 100),
    ]),
  );
}

function recipientsOf(mail: Mail | undefined): string {
  if (!mail) return '?';
  const [first = '', ...others] = mail.envelope.to;
  return printable(others.length === 0 ? first : `${first} +${others.length}`);
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
