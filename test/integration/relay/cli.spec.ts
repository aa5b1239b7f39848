import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../../../lib/cli/cli.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import type { MailRelay } from '../../../lib/relay/relay.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { upTo } from '../../fixtures/leases.js';
import { testMail } from '../../fixtures/mail.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { newJob, openRelay } from '../bull/helpers.js';

const HOSTILE = '550 \u009b31m \u202emoc.elpmaxe\u2069 \u001b]0;x\u0007 no';
const TO = ['jo@example.net', 'mo@example.net', 'bo@example.net'];

let folder: string;
let redis: RedisServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mail-cli-'));
  redis = await RedisServer.start();
});
afterAll(async () => {
  await redis.close();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]) {
  const lines: string[] = [];
  const push = (text: string) => void lines.push(text);
  const code = await runCli(args, { out: push, err: push });
  return { code, text: lines.join('\n') };
}

/** One mail of each state that a command can show, in a relay that stays open. */
async function fill(relay: MailRelay) {
  const now = Date.now();
  const job = (more: object = {}) => newJob({ mail: testMail({ to: TO }), ...more });
  const [dead, deferred, leased] = [job(), job(), job()];
  await relay.enqueue([dead, deferred, leased]);
  await relay.consume({ onWork: () => undefined });
  const { jobs } = await relay.lease(upTo(3));
  expect(jobs).toHaveLength(3);
  const failure = {
    code: 'MAIL_RECIPIENTS',
    disposition: 'permanent',
    message: 'Refused',
    response: HOSTILE,
    at: now,
  } as const;
  const ends = { attempts: 1, unknowns: 0, failure };
  await relay.settle([
    { id: dead.mail.id, outcome: 'dead', reason: 'permanent', ...ends },
    { id: deferred.mail.id, outcome: 'deferred', delayMs: 600_000, ...ends },
  ]);
  const scheduled = job({ notBefore: now + 3_600_000 });
  const queued = job({ queuedAt: now - 7_300_000 });
  await relay.enqueue([scheduled, queued]);
  return { dead, deferred, leased, scheduled, queued };
}

describe.each(['spool', 'redis'] as const)('the command line over %s', (kind) => {
  let jobs: Awaited<ReturnType<typeof fill>>;
  let opened: Awaited<ReturnType<typeof openRelay>>;
  let url: string;
  beforeAll(async () => {
    const path = join(folder, 'mail.db');
    url = kind === 'spool' ? `spool:${path}` : `${redis.url}?queue=shop&prefix=p`;
    opened = await openRelay(
      kind === 'spool'
        ? spoolRelay({ path, thread: false })
        : bullRelay({ redis: redis.url, queue: 'shop', prefix: 'p' }),
    );
    jobs = await fill(opened.relay);
  });
  afterAll(() => opened.close());

  it('counts and lists every state, with recipients and ages', async () => {
    const stats = JSON.parse((await run('status', '--json', '--relay', url)).text) as object;
    expect(stats).toMatchObject({ queued: 1, scheduled: 1, deferred: 1, leased: 1, dead: 1 });
    for (const [state, { mail }] of Object.entries(jobs)) {
      const { code, text } = await run('list', '--state', state, '--relay', url);
      expect({ code, lines: text.split('\n').length }).toEqual({ code: 0, lines: 2 });
      expect(text).toMatch(/^ID +STATE +TO +AGE +ATTEMPTS/);
      expect(text).toContain(mail.id);
      expect(text).toMatch(new RegExp(`${state}.* jo@example\\.net \\+2 +\\d+ (s|min|h)`));
      const listed = await run('list', '--state', state, '--json', '--relay', url);
      expect(JSON.parse(listed.text)).toMatchObject([
        { id: mail.id, state, recipients: TO, ageMs: expect.any(Number) as unknown },
      ]);
    }
    expect((await run('list', '--state', 'queued', '--relay', url)).text).toMatch(/ 2 h /);
    expect((await run('dead', '--relay', url)).text).toContain(jobs.dead.mail.id);
  });

  it('lets no server’s words speak to the terminal, and JSON reads back as it was', async () => {
    const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
    for (const command of [['dead'], ['show', jobs.dead.mail.id]]) {
      const plain = await run(...command, '--relay', url);
      expect(plain.text).toContain('550 \\u009b31m \\u202emoc');
      expect(plain.text).not.toMatch(unsafe);
      const json = await run(...command, '--json', '--relay', url);
      expect(json.text).not.toMatch(unsafe);
      const read = [JSON.parse(json.text) as object].flat() as { failure: { response: string } }[];
      expect(read[0]!.failure.response).toBe(HOSTILE);
    }
  });

  it('retries and discards', async () => {
    const { id } = jobs.dead.mail;
    expect(await run('retry', id, '--relay', url)).toEqual({ code: 0, text: '1 to be sent again' });
    expect((await run('dead', '--relay', url)).text).toBe('No dead mail');
  });
});

describe('the command line', () => {
  it('tells its version', async () => {
    const manifest = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(await run('--version')).toEqual({ code: 0, text: manifest.version });
    const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [main, '--version']);
    expect(stdout).toBe(`${manifest.version}\n`);
  });

  it.each([
    [['statsu'], 'There is no command statsu. Did you mean status?'],
    [['list', '--stat', 'dead'], 'There is no option --stat. Did you mean --state?'],
    [['list', '--state', 'ded'], 'Did you mean dead?'],
    [['dead', '--limt=3'], 'There is no option --limt. Did you mean --limit?'],
    [['status', 'dead'], 'status takes no dead'],
    [['\u009b2J'], 'There is no command \\u009b2J'],
  ])('answers a slip such as %j with what was meant', async (args, says) => {
    const { code, text } = await run(...args);
    expect(code).toBe(2);
    expect(text).toContain(says);
  });

  it.each([
    ['spool:/nowhere/mail.db', 'There is no spool at /nowhere/mail.db'],
    ['mysql://x', 'Expected `--relay` to be spool:FILE'],
    ['redis://127.0.0.1:1?que=x', 'Unknown option `que`'],
  ])('says what is wrong with --relay %s', async (url, says) => {
    const { code, text } = await run('status', '--relay', url);
    expect(code).toBe(1);
    expect(text).toContain(says);
  });
});
