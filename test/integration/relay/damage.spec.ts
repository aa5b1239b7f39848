import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../../lib/base/clock.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailEvent } from '../../../lib/events/mail-events.js';
import { MailService } from '../../../lib/service/mail.service.js';
import type { JobSummary } from '../../../lib/relay/relay.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { Logger } from '@nestjs/common';
import { newJob } from '../../contract/relay-contract.js';
import { SpoolHarness } from '../../contract/spool-harness.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedTransport } from '../../fixtures/scripted-transport.js';
import { upTo } from '../../fixtures/leases.js';

const PAGE = 4_096;

describe('a damaged spool', () => {
  let spool: SpoolHarness;
  let transport: ScriptedTransport;
  const services: MailService[] = [];
  beforeEach(() => {
    spool = new SpoolHarness();
    transport = new ScriptedTransport(200);
    Logger.overrideLogger(false);
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((mail) => mail.drain(1_000)));
    await spool.dispose();
    Logger.overrideLogger(['error', 'warn', 'log']);
  });

  /** Stores `count` mails and lets go of the file. Answers their ids. */
  async function fill(count: number): Promise<string[]> {
    const relay = await spool.client();
    const ids: string[] = [];
    while (ids.length < count) {
      const jobs = Array.from({ length: Math.min(1_000, count - ids.length) }, (_, n) =>
        newJob(testMail({ text: `marker-${ids.length + n}-end` })),
      );
      await relay.enqueue(jobs);
      ids.push(...jobs.map(({ mail }) => mail.id));
    }
    await relay.close();
    return ids;
  }

  /** Delivers until `enough` says so. */
  async function deliver(enough: (events: readonly MailEvent[]) => boolean) {
    const options = readSpoolOptions({ path: spool.path, pollIntervalMs: 10, thread: false });
    const relay = { relay: new SpoolRelay(options), options: options.relay };
    const mail = new MailService({ transport: transport, relay, events: new EventBus(), clock: systemClock }); // prettier-ignore
    services.push(mail);
    const events: MailEvent[] = [];
    const seen = new Promise<void>((resolve) => {
      mail.events$.subscribe((event) => {
        if (event.type === 'attempt' || event.type === 'failed') return;
        events.push(event);
        if (enough(events)) resolve();
      });
    });
    // A file that cannot be opened is told by the event, too.
    await mail.start().catch(() => undefined);
    await seen;
    return { mail, events };
  }

  /** The event comes with the decision, the state a commit later. */
  async function deadOf(mail: MailService, count: number): Promise<readonly JobSummary[]> {
    for (;;) {
      const dead = await mail.relay!.list({ limit: 1_000 });
      if (dead.length >= count) return dead;
      await new Promise(setImmediate);
    }
  }

  const sentIds = (): string[] => transport.taken.map(({ mail }) => mail.id);

  /** Overwrites the pages of the file where each text stands first. */
  function wreck(texts: readonly string[]): void {
    const file = readFileSync(spool.path);
    for (const text of texts) {
      const at = file.indexOf(text);
      expect(at).toBeGreaterThan(PAGE);
      const page = Math.floor(at / PAGE) * PAGE;
      file.fill(0xa5, page, page + PAGE);
    }
    writeFileSync(spool.path, file);
  }

  it('of 50,000 mails with one in a hundred damaged delivers all the others, and lists those', async () => {
    const ids = await fill(50_000);
    const file = readFileSync(spool.path);
    const flipped = new Set<string>();
    let from = 0;
    for (let n = 0; n < ids.length; n += 100) {
      const at = file.indexOf(`marker-${n}-end`, from);
      // Not all stand in the order of their numbers.
      const found = at === -1 ? file.indexOf(`marker-${n}-end`) : at;
      expect(found).toBeGreaterThan(0);
      file[found] = file[found]! ^ 0x20;
      flipped.add(ids[n]!);
      from = found;
    }
    writeFileSync(spool.path, file);
    const { mail, events } = await deliver((all) => all.length === ids.length);
    expect(sentIds()).toHaveLength(ids.length - flipped.size);
    expect(sentIds().filter((id) => flipped.has(id))).toEqual([]);
    const dead = await deadOf(mail, flipped.size);
    expect(dead.map(({ id }) => id).sort()).toEqual([...flipped].sort());
    expect(dead.every(({ reason }) => reason === 'corrupt')).toBe(true);
    expect(events.filter(({ type }) => type === 'stalled')).toEqual([]);
  }, 60_000);

  it('says what to do about a page of bodies that is gone, and delivers the others', async () => {
    const ids = await fill(300);
    wreck(['marker-100-end', 'marker-200-end']);
    const { mail, events } = await deliver(
      (all) => all.filter(({ type }) => type === 'sent' || type === 'dead').length === ids.length,
    );
    const given = events.filter(({ type }) => type === 'dead').length;
    const dead = await deadOf(mail, given);
    expect(dead.length).toBeGreaterThan(1);
    expect(dead.length).toBeLessThan(30);
    expect(new Set([...sentIds(), ...dead.map(({ id }) => id)])).toEqual(new Set(ids));
    expect(sentIds()).toHaveLength(ids.length - dead.length);
    const told = events.filter(({ type }) => type === 'stalled');
    expect(told).toMatchObject([{ doing: 'lease', error: { code: 'MAIL_RELAY' } }]);
    expect((told[0] as { error: Error }).error.message).toMatch(
      /damaged.*PRAGMA quick_check.*\.recover.*mail\.db/s,
    );
    // New mail flows, too.
    await mail.send({ from: 'a@example.com', to: 'b@example.net', text: 'later' });
    while (sentIds().length < ids.length - dead.length + 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('leases no more than fits in memory past a page that is gone', async () => {
    const writer = await spool.client();
    const jobs = ['wrecked-end', ...Array.from({ length: 4 }, () => 'y'.repeat(3_000))].map(
      (text) => newJob(testMail({ text })),
    );
    const text = 'x'.repeat(12 * 1024 * 1024);
    const large = Array.from({ length: 5 }, () => newJob(testMail({ text })));
    for (const job of [...jobs, ...large]) await writer.enqueue([job]);
    await writer.close();
    wreck(['wrecked-end']);
    const reader = await spool.client();
    const leased: string[][] = [];
    for (let left = jobs.length + large.length; left > 0;) {
      const { jobs: taken, unreadable } = await reader.lease(upTo(100));
      expect(taken.length + unreadable.length).toBeGreaterThan(0);
      left -= taken.length + unreadable.length;
      leased.push(taken.filter(({ size }) => size! > text.length).map(({ mail }) => mail.id));
    }
    const [a, b, c, d, e] = large.map(({ mail }) => mail.id);
    expect(leased).toEqual([[a, b], [c, d], [e]]);
  });

  it('delivers past a page of jobs that is gone', async () => {
    const ids = await fill(300);
    const messageId = spool.sql(
      (db) => db.prepare('SELECT message_id AS m FROM jobs WHERE id = ?').get(ids[150]!)!['m'],
    );
    wreck([String(messageId)]);
    const { events } = await deliver(
      (all) =>
        all.some(({ type }) => type === 'stalled') &&
        all.filter(({ type }) => type === 'sent').length >= ids.length - 40,
    );
    expect(events.filter(({ type }) => type === 'dead')).toEqual([]);
    expect(sentIds()).not.toContain(ids[150]);
    expect(sentIds()).toEqual(expect.arrayContaining([ids[0], ids[100], ids[200], ids[299]]));
    expect(new Set(sentIds()).size).toBe(sentIds().length);
  });

  it('says so when it is no database at all any more', async () => {
    await fill(10);
    const file = readFileSync(spool.path);
    file.fill(0xa5, 0, 100);
    writeFileSync(spool.path, file);
    const { mail, events } = await deliver((all) => all.length > 0);
    expect(events).toMatchObject([{ type: 'stalled', doing: 'lease' }]);
    await expect(
      mail.send({ from: 'a@example.com', to: 'b@example.net', text: 'x' }),
    ).rejects.toMatchObject({ code: 'MAIL_RELAY', disposition: 'retry' });
  });
});
