import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  MailModule,
  MailRelayError,
  MailService,
  type MailEvent,
  type MailModuleExtras,
  type MailModuleOptions,
} from '../../../lib/index.js';
import { EVENT_TYPES } from '../../../lib/events/event-bus.js';
import { OptionReader } from '../../../lib/base/option-reader.js';
import { readRelayOptions, RELAY_OPTION_KEYS } from '../../../lib/relay/relay.options.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { functions, html } from '../../../lib/templates/engines/functions.js';
import { MemoryRelay } from '../../../lib/testing/memory-relay.js';
import {
  MailOutbox,
  MailTestClock,
  overrideMail,
  type OutboxStep,
} from '../../../lib/testing/index.js';
import fc from '../../fixtures/fast-check.js';

const HOUR = 3_600_000;
const TO = ['a@example.net', 'b@example.net', 'c@example.net'];
const message = { to: TO, tags: ['news'], metadata: { order: '7' } };

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(
  extra: Partial<MailModuleOptions> & MailModuleExtras = {},
  { real = false }: { readonly real?: boolean } = {},
) {
  const builder = Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        transport: 'smtp://127.0.0.1:1',
        defaults: { from: 'shop@example.com', subject: 'Hi', text: 'Hi' },
        ...extra,
      }),
    ],
  });
  const clock = new MailTestClock();
  const outbox = real ? new MailOutbox() : overrideMail(builder, { clock });
  app = await builder.compile();
  await app.init();
  const mail = app.get(MailService);
  const events: MailEvent[] = [];
  mail.events$.subscribe((event) => events.push(event));
  return { outbox, clock, mail, events };
}

const relay = spoolRelay({ path: '/nowhere/mail.db', retry: { lifetimeMs: HOUR } });
const types = (events: readonly MailEvent[]) => events.map(({ type }) => type);
const of = <T extends MailEvent['type']>(events: readonly MailEvent[], type: T) =>
  events.filter((event): event is Extract<MailEvent, { type: T }> => event.type === type);

describe('failed and attempt-failed', () => {
  it('tell a deferral from the end', async () => {
    const { outbox, clock, mail, events } = await start({ relay });
    outbox.script('450', '451', '550');
    await mail.send(message);
    await outbox.settled();
    expect(types(events)).toEqual(['queued', 'attempt', 'attempt-failed', 'deferred']);
    await clock.advance(HOUR / 2);
    expect(of(events, 'rejected')).toMatchObject([{ attempt: 3, recipients: TO }]);
    expect(types(events).slice(-4)).toEqual(['attempt-failed', 'rejected', 'dead', 'failed']);
    expect(of(events, 'failed')).toMatchObject([
      {
        attempt: 3,
        recipients: TO,
        failure: { code: 'MAIL_RECIPIENTS', response: '550 scripted' },
      },
    ]);
  });

  it('name who was refused beside others, and each once', async () => {
    const { outbox, clock, mail, events } = await start({ relay });
    outbox.script({ reject: [TO[0]!], code: '550' }, { reject: [TO[1]!], code: '450' });
    await mail.send(message);
    await mail.send(message);
    await outbox.settled();
    const [refused, ...others] = of(events, 'failed');
    expect(refused).toMatchObject({ recipients: [TO[0]], failure: { disposition: 'permanent' } });
    expect(others).toEqual([]);
    expect(of(events, 'deferred')).toMatchObject([{ recipients: [TO[1]], attempts: 1 }]);
    await clock.advance(HOUR / 2);
    expect(of(events, 'sent').at(-1)).toMatchObject({ recipients: [TO[1]], attempt: 2 });
  });

  it('are both told without a relay, since nobody tries again', async () => {
    const { outbox, mail, events } = await start();
    outbox.script('451', { reject: [TO[2]!], code: '450' });
    await expect(mail.send(message)).rejects.toMatchObject({ disposition: 'retry' });
    expect(types(events)).toEqual(['attempt', 'attempt-failed', 'failed']);
    await expect(mail.send(message)).resolves.toMatchObject({ status: 'partial' });
    expect(types(events).slice(3)).toEqual(['attempt', 'sent', 'failed']);
    expect(events.at(-1)).toMatchObject({ recipients: [TO[2]], failure: { disposition: 'retry' } });
  });

  it('end the story of every recipient exactly once, whatever the next hop says', async () => {
    const step: fc.Arbitrary<OutboxStep> = fc.oneof(
      fc.constantFrom('ok', '450', '451', '550', '554', '421', 'refused', 'drop-before-dot'),
      fc.record({
        reject: fc.uniqueArray(fc.constantFrom(...TO), { minLength: 1 }),
        code: fc.constantFrom('450', '550'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.boolean(), async (steps, stored) => {
        const { outbox, clock, mail, events } = await start(stored ? { relay } : {});
        outbox.script(...steps);
        await mail.send(message).catch(() => undefined);
        await clock.advance(2 * HOUR);
        expect(outbox.queued).toEqual([]);
        const ends = [...of(events, 'sent'), ...of(events, 'failed')];
        expect(ends.flatMap(({ recipients }) => recipients).toSorted()).toEqual(TO);
        const refused = of(events, 'rejected').flatMap(({ recipients }) => recipients);
        expect(new Set(refused).size).toBe(refused.length);
        await app?.close();
      }),
      { numRuns: 60 },
    );
  });

  it('say so when a mail could not even be stored', async () => {
    const storage = new MemoryRelay();
    storage.enqueue = () => Promise.reject(new MailRelayError('The disk is full'));
    const options = readRelayOptions(new OptionReader('', {}, RELAY_OPTION_KEYS));
    const { mail, events } = await start(
      { relay: { register: () => ({ create: () => ({ relay: storage, options }) }) } },
      { real: true },
    );
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_RELAY' });
    expect(events).toMatchObject([
      { type: 'failed', attempt: 0, recipients: TO, failure: { message: 'The disk is full' } },
    ]);
  });
});

describe('every event about a mail', () => {
  const templates = {
    engine: functions({
      hello: ({ name }: { name: string }) => ({ subject: `Hi ${name}`, html: html`<p>Hi</p>` }),
    }),
  };

  it.each([false, true])(
    'names tags, metadata, template, recipients, attempt; stored: %s',
    async (stored) => {
      const { outbox, clock, mail, events } = await start({ templates, ...(stored && { relay }) });
      outbox.script('450', { reject: [TO[0]!] });
      const templated = { ...message, template: 'hello', context: { name: 'Jo' } };
      await mail.send(templated).catch(() => undefined);
      await clock.advance(HOUR / 2);
      if (!stored) await mail.send(templated);
      const about = events.filter((event) => 'id' in event);
      expect(about.length).toBeGreaterThan(5);
      for (const event of about) {
        expect(event).toMatchObject({
          tags: ['news'],
          metadata: { order: '7' },
          template: 'hello',
        });
        expect(event).toHaveProperty('recipients.length');
      }
      expect(outbox.last().mail.template).toBe('hello');
      const attempts = of(events, 'attempt').map(({ attempt }) => attempt);
      expect(attempts).toEqual(stored ? [1, 2] : [1, 1]);
    },
  );
});

it('the table of the reference lists every event', () => {
  const text = readFileSync(new URL('../../../docs/reference/events.md', import.meta.url), 'utf8');
  const table = text.split('<!-- events -->')[1]!.split('<!-- /events -->')[0]!;
  const rows = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows.toSorted()).toEqual(EVENT_TYPES.toSorted());
});
