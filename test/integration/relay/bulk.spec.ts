import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { filter, firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { MailModule, MailService, type MailEvent } from '../../../lib/index.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

const message = {
  from: 'Shop <shop@example.com>',
  subject: 'Hello {{ name }}',
  text: 'Dear {{ name }}',
  html: '<p>{{ name }}</p>',
};

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    to: `p${i}@example.net`,
    context: { name: `N<${i}>` },
    metadata: { customer: String(i) },
  }));

describe('sendBulk with a relay', () => {
  let folder: string;
  let transport: ScriptedTransport;
  let app: TestingModule;
  let mail: MailService;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mail-bulk-'));
    transport = new ScriptedTransport();
    const relay = spoolRelay({
      path: join(folder, 'mail.db'),
      thread: false,
      pollIntervalMs: 10,
      retry: { minBackoffMs: 20, maxBackoffMs: 40 },
    });
    const module = MailModule.forRoot({ transport: transport, relay });
    app = await Test.createTestingModule({ imports: [module] })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    await app.init();
    mail = app.get(MailService);
  });

  afterEach(async () => {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const events = (type: MailEvent['type'], count: number) =>
    firstValueFrom(
      mail.events$.pipe(
        filter((event) => event.type === type),
        take(count),
        toArray(),
      ),
    );

  it('stores a mail for each, which reaches each with a context of their own', async () => {
    const sent = events('sent', 300);
    const outcomes = await lastValueFrom(mail.sendBulk(message, people(300)).pipe(toArray()));
    expect(outcomes.at(-1)?.progress).toEqual({ sent: 300, failed: 0 });
    const receipts = outcomes.flatMap((one) => (one.status === 'sent' ? [one.receipt] : []));
    expect(receipts.every(({ status, hops }) => status === 'queued' && hops.length === 0)).toBe(
      true,
    );
    await sent;
    const seen = transport.taken.map(
      ({ mail: { id, messageId, to, subject, text, html, metadata } }) => {
        return { id, messageId, to: to[0]?.address, subject, text, html, metadata };
      },
    );
    const byId = new Map(receipts.map((receipt) => [receipt.id, receipt.messageId]));
    expect(new Map(seen.map(({ id, messageId }) => [id, messageId]))).toEqual(byId);
    expect(seen.toSorted((a, b) => a.to!.localeCompare(b.to!))).toMatchObject(
      people(300)
        .map(({ to, context: { name }, metadata }) => ({
          to,
          subject: `Hello ${name}`,
          text: `Dear ${name}`,
          html: `<p>${name.replace('<', '&lt;').replace('>', '&gt;')}</p>`,
          metadata,
        }))
        .toSorted((a, b) => a.to.localeCompare(b.to)),
    );
  });

  it('stores the others where a recipient is bad, and settles each by itself later', async () => {
    transport.script = (one, attempt) =>
      one.envelope.to[0] === 'p1@example.net' && attempt === 1
        ? fault({ code: 'MAIL_CONTENT', fault: 'message', stage: 'data' })
        : { transport: 'scripted', accepted: one.envelope.to, rejected: [], response: '250 ok' };
    const deferred = events('deferred', 1);
    const sent = events('sent', 3);
    const given = [...people(3), { to: 'x@example.net' }, 'not an address'];
    const outcomes = await lastValueFrom(mail.sendBulk(message, given).pipe(toArray()));
    expect(outcomes.filter(({ status }) => status === 'failed')).toMatchObject([
      { index: 3, error: { code: 'MAIL_INVALID' } },
      { index: 4, error: { code: 'MAIL_INVALID' } },
    ]);
    expect(await deferred).toHaveLength(1);
    await sent;
    expect(transport.taken.map(({ mail: { envelope } }) => envelope.to[0]).toSorted()).toEqual([
      'p0@example.net',
      'p1@example.net',
      'p2@example.net',
    ]);
  });

  it('refuses a template that only the provider could fill in', async () => {
    const sendgrid = { templateId: 'd-1' };
    const given = { from: 'a@example.com', providerOptions: { sendgrid } };
    const [outcome] = await lastValueFrom(mail.sendBulk(given, ['b@example.net']).pipe(toArray()));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'MAIL_UNSUPPORTED' } });
    expect(await mail.relay?.stats()).toMatchObject({ queued: 0, dead: 0 });
  });
});
