import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import { systemClock } from '../../../lib/base/clock.js';
import type { MailBulkOutcome, SendBulkOptions } from '../../../lib/service/bulk-send.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import { MailService } from '../../../lib/service/mail.service.js';
import type { MailBulkMessage, MailBulkRecipient } from '../../../lib/message/bulk.js';
import { readRedirect, redirectMail } from '../../../lib/message/redirect.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { MemoryTransport } from '../../../lib/transports/memory/memory.transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import type { MailTransport } from '../../../lib/transports/transport.js';
import { startPostmarkServer } from '../../../sample/stand-ins/src/postmark-server.js';
import { startSendGridServer } from '../../../sample/stand-ins/src/sendgrid-server.js';
import { RealSmtpServer } from '../../fixtures/smtp-server.js';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function serviceOver(transport: MailTransport): MailService {
  const service = new MailService({ transport, events: new EventBus(), clock: systemClock });
  closing.push(() => service.drain(1000));
  return service;
}

async function overSendGrid() {
  const server = await startSendGridServer();
  closing.push(() => server.close());
  const url = `sendgrid://SG.stand-in@127.0.0.1:${server.port}`;
  return { server, service: serviceOver(createTransport(url)) };
}

async function overPostmark(inactive: string[] = []) {
  const server = await startPostmarkServer({ inactive });
  closing.push(() => server.close());
  const url = `postmark://postmark-stand-in@127.0.0.1:${server.port}`;
  return { server, service: serviceOver(createTransport(url)) };
}

const message: MailBulkMessage = {
  from: 'Shop <shop@example.com>',
  subject: 'Hello {{ name }}',
  text: 'Dear {{name}}, you have {{ points }} points. {{name}}!',
  html: '<p title="{{ name }}">{{ points }}</p>',
};

const people = (count: number, start = 0): MailBulkRecipient[] =>
  Array.from({ length: count }, (_, index) => ({
    to: { name: `P ${start + index}`, address: `p${start + index}@example.net` },
    context: { name: `N${start + index}`, points: index },
    metadata: { customer: String(start + index) },
  }));

function all<R extends MailBulkRecipient>(
  service: MailService,
  recipients: Iterable<R> | AsyncIterable<R>,
  given: MailBulkMessage = message,
  options?: SendBulkOptions,
): Promise<MailBulkOutcome<R>[]> {
  return lastValueFrom(service.sendBulk(given, recipients, options).pipe(toArray()));
}

const failed = (outcomes: readonly MailBulkOutcome[]) =>
  outcomes.flatMap((one) => (one.status === 'failed' ? [one] : []));

/** What a recipient sees, with SendGrid's substitutions made as SendGrid makes them. */
function seenBySendGrid(server: Awaited<ReturnType<typeof overSendGrid>>['server']) {
  return server.accepted.flatMap(({ mail }) =>
    mail.personalizations.map(({ to, headers, substitutions = {}, custom_args: metadata }) => {
      const filled = (text: string | undefined): string | undefined =>
        Object.entries(substitutions).reduce(
          (done, [tag, value]) => done?.split(tag).join(value),
          text,
        );
      const part = (type: string) => filled(mail.content?.find((one) => one.type === type)?.value);
      return {
        messageId: headers?.['Message-ID'],
        to: to.map(({ email, name }) => ({ name, address: email })),
        subject: filled(mail.subject),
        text: part('text/plain'),
        html: part('text/html'),
        metadata,
      };
    }),
  );
}

describe('sendBulk over SendGrid', () => {
  it('sends 2,500 mails in three requests, each a mail of its own', async () => {
    const { server, service } = await overSendGrid();
    const outcomes = await all(service, people(2500));
    expect(server.requests).toHaveLength(3);
    expect(outcomes).toHaveLength(2500);
    expect(failed(outcomes)).toEqual([]);
    const ids = outcomes.map((one) => (one.status === 'sent' ? one.receipt.messageId : ''));
    const seen = seenBySendGrid(server);
    expect(new Set(seen.map(({ messageId }) => messageId))).toEqual(new Set(ids));
    expect(new Set(ids).size).toBe(2500);
    expect(outcomes.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([...ids.keys()]);
    expect(outcomes.at(-1)?.progress).toEqual({ sent: 2500, failed: 0 });
    const [first] = outcomes;
    expect(first?.status === 'sent' && first.receipt).toMatchObject({
      accepted: [(first?.recipient as { to: { address: string } }).to.address],
      hops: [{ remoteId: expect.any(String), outcome: 'accepted' }],
    });
  });

  it('shows each recipient what one by one would show', async () => {
    const { server, service } = await overSendGrid();
    const memory = new MemoryTransport();
    const recipients: MailBulkRecipient[] = [
      ...people(20),
      // Text that looks like fields, tags, patterns of replace() and markup is text.
      {
        to: 'x@example.net',
        context: { name: `{{ points }} $& $1 <b>"'&`, points: '-x.text.name-' },
      },
      { to: 'y@example.net', context: { name: '', points: true, unused: [1, { a: null }] } },
    ];
    await all(service, recipients);
    await all(serviceOver(memory), recipients);
    const byOne = memory.mails.map(({ to, subject, text, html, metadata }) => ({
      messageId: expect.any(String),
      to,
      subject,
      text,
      html,
      ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    }));
    expect(seenBySendGrid(server)).toEqual(byOne);
    const last = memory.mails.at(-2);
    expect(last?.subject).toBe(`Hello {{ points }} $& $1 <b>"'&`);
    expect(last?.html).toBe(
      '<p title="{{ points }} $&amp; $1 &lt;b&gt;&quot;&#39;&amp;">-x.text.name-</p>',
    );
    expect(Object.isFrozen(last)).toBe(true);
  });

  it('tells fields apart of which one is the beginning of another', async () => {
    const { server, service } = await overSendGrid();
    const memory = new MemoryTransport();
    const plain = {
      from: 'a@example.com',
      subject: '{{ a }}',
      text: '{{ a }} {{ a-b }} {{a.b}} {{a-}}',
    };
    const context = { a: '1', 'a-b': '2', 'a.b': '3', 'a-': '4' };
    const one = [{ to: 'x@example.net', context }];
    await all(serviceOver(memory), one, plain);
    expect(memory.mails[0]?.text).toBe('1 2 3 4');
    await all(service, one, plain);
    expect(seenBySendGrid(server)[0]?.text).toBe('1 2 3 4');
  });

  it('goes to whom a redirect says, with a mail for each', async () => {
    const { server } = await overSendGrid();
    const redirected = readRedirect('redirect', {
      to: 'dev@example.org',
      allow: ['p1@example.net'],
    });
    const service = new MailService({
      transport: createTransport(`sendgrid://SG.stand-in@127.0.0.1:${server.port}`),
      redirect: (mail) => redirectMail(mail, redirected),
      events: new EventBus(),
      clock: systemClock,
    });
    closing.push(() => service.drain(1000));
    expect(failed(await all(service, people(3)))).toEqual([]);
    const seen = server.accepted.map(({ mail }) => mail);
    const to = seen.flatMap((one) => one.personalizations.map((each) => each.to[0]?.email));
    expect(to.toSorted()).toEqual(['dev@example.org', 'dev@example.org', 'p1@example.net']);
    const told = seen.map(({ headers }) => headers?.['X-Redirected-From'] ?? '');
    expect(told.toSorted()).toEqual(['', 'p0@example.net', 'p2@example.net']);
  });

  it('settles a bad recipient by itself', async () => {
    const { server, service } = await overSendGrid();
    const outcomes = await all(service, [
      'not an address',
      { to: 'a@example.net', context: { name: 'a' } },
      { to: 'b@example.net', context: { name: 'a\r\nBcc: x', points: 1 } },
      { to: { name: 'Doe; Jo', address: 'c@example.net' }, context: { name: '', points: 1 } },
      { to: 'd@example.net', context: { name: 'x'.repeat(10_000), points: 1 } },
      { to: 'e@example.net', contxt: {} } as MailBulkRecipient,
      ...people(1),
    ]);
    const reasons = failed(outcomes).map(({ index, error }) => [index, error.message]);
    expect(new Map(reasons as [number, string][])).toEqual(
      new Map<number, unknown>([
        [0, expect.stringContaining('recipients[0].to')],
        [1, expect.stringContaining('recipients[1].context.points')],
        [2, expect.stringContaining('recipients[2].context.name')],
        [3, expect.stringContaining('`to[0].name`')],
        [4, expect.stringContaining('`context`')],
        [5, expect.stringContaining('Did you mean `context`')],
      ]),
    );
    expect(outcomes.filter(({ status }) => status === 'sent')).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });

  it('sends again without those whom SendGrid names, and only then', async () => {
    const { server, service } = await overSendGrid();
    const named = { message: 'Bad address.', field: 'personalizations.1.to.0.email' };
    server.script({ status: 400, body: { errors: [named] } });
    const outcomes = await all(service, people(3));
    expect(failed(outcomes)).toMatchObject([
      { index: 1, error: { code: 'MAIL_CONTENT', disposition: 'permanent' } },
    ]);
    expect(server.requests).toHaveLength(2);
    expect(seenBySendGrid(server).map(({ to }) => to[0]?.address)).toEqual([
      'p0@example.net',
      'p2@example.net',
    ]);

    server.script({ status: 400, body: { errors: [named, { message: 'Bad.', field: 'from' }] } });
    const none = await all(service, people(3));
    expect(failed(none)).toHaveLength(3);
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    [{ status: 503 }, { code: 'MAIL_SERVICE', disposition: 'retry' }],
    [{ status: 401 }, { code: 'MAIL_AUTH', disposition: 'retry' }],
    [{ drop: 'after-body' as const }, { disposition: 'unknown' }],
  ])('after %j tells everybody, and sends nothing again', async (step, error) => {
    const { server, service } = await overSendGrid();
    server.script(step);
    const outcomes = await all(service, people(3));
    expect(failed(outcomes)).toMatchObject([{ error }, { error }, { error }]);
    expect(server.requests).toHaveLength(1);
  });

  it('gives each recipient’s context to a dynamic template', async () => {
    const { server, service } = await overSendGrid();
    const sendgrid = { templateId: 'd-1', dynamicTemplateData: { shop: 'S', name: '?' } };
    const given = { from: 'a@example.com', providerOptions: { sendgrid } };
    const outcomes = await all(
      service,
      [{ to: 'b@example.net', context: { name: 'Jo', items: [{ n: 1 }] } }, 'c@example.net'],
      given,
    );
    expect(failed(outcomes)).toEqual([]);
    expect(server.accepted[0]?.mail.personalizations).toMatchObject([
      { dynamic_template_data: { shop: 'S', name: 'Jo', items: [{ n: 1 }] } },
      { dynamic_template_data: { shop: 'S', name: '?' } },
    ]);
    // No other transport could.
    const [outcome] = await all(serviceOver(new MemoryTransport()), ['b@example.net'], given);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'MAIL_UNSUPPORTED' } });
  });

  it('keeps a request below 30 MB', async () => {
    const { server, service } = await overSendGrid();
    const big = { ...message, amp: 'x'.repeat(24_000_000) };
    const recipients = Array.from({ length: 1000 }, (_, index) => ({
      to: `p${index}@example.net`,
      context: { name: 'x'.repeat(3000), points: 1 },
    }));
    const outcomes = await all(service, recipients, big);
    expect(failed(outcomes)).toHaveLength(0);
    expect(server.requests).toHaveLength(2);
    expect(server.accepted.flatMap(({ mail }) => mail.personalizations)).toHaveLength(1000);
  });
});

describe('sendBulk over Postmark', () => {
  it('sends 1,200 mails in three requests, each answered for itself', async () => {
    const { server, service } = await overPostmark(['p7@example.net']);
    const outcomes = await all(service, people(1200));
    expect(server.requests.map(({ path }) => path)).toEqual(Array(3).fill('/email/batch'));
    expect(failed(outcomes)).toMatchObject([
      { index: 7, error: { code: 'MAIL_RECIPIENTS', disposition: 'permanent' } },
    ]);
    expect(server.accepted).toHaveLength(1199);
    expect(server.accepted[3]?.mail).toMatchObject({
      To: '"P 3" <p3@example.net>',
      Subject: 'Hello N3',
      TextBody: 'Dear N3, you have 3 points. N3!',
      HtmlBody: '<p title="N3">3</p>',
      Metadata: { customer: '3' },
    });
    const remote = outcomes.map((one) => one.status === 'sent' && one.receipt.hops[0]?.remoteId);
    expect(new Set(remote).size).toBe(1200);
  });

  it('does not know what became of mails that the answer leaves out', async () => {
    const { server, service } = await overPostmark();
    server.script({ status: 200, body: [{ ErrorCode: 0, Message: 'OK', MessageID: 'a' }] });
    const outcomes = await all(service, people(2));
    expect(outcomes).toMatchObject([
      { status: 'sent' },
      { status: 'failed', error: { disposition: 'unknown' } },
    ]);
  });
});

describe('sendBulk one by one', () => {
  it('keeps so many in flight, and takes recipients only as fast as they are sent', async () => {
    let inFlight = 0;
    let most = 0;
    let pulled = 0;
    let delivered = 0;
    const ahead: number[] = [];
    const memory = new MemoryTransport();
    const deliver = memory.deliver.bind(memory);
    memory.deliver = async (mail, options) => {
      most = Math.max(most, (inFlight += 1));
      ahead.push(pulled - delivered);
      await new Promise(setImmediate);
      inFlight -= 1;
      delivered += 1;
      return deliver(mail, options);
    };
    function* source() {
      for (const one of people(500)) {
        pulled += 1;
        yield one;
      }
    }
    const outcomes = await all(serviceOver(memory), source(), message, { concurrency: 7 });
    expect(failed(outcomes)).toEqual([]);
    expect(memory.mails).toHaveLength(500);
    expect(most).toBe(7);
    expect(Math.max(...ahead)).toBeLessThanOrEqual(8);
  });

  it('fills the pool of an SMTP transport', async () => {
    const server = await RealSmtpServer.start();
    closing.push(() => server.close());
    const transport = createTransport(`smtp://127.0.0.1:${server.port}?maxConnections=3`);
    const outcomes = await all(serviceOver(transport), people(300));
    expect(failed(outcomes)).toEqual([]);
    expect(new Set(server.received.map(({ to }) => to[0])).size).toBe(300);
  });

  it('stops when it is unsubscribed from, or aborted', async () => {
    const memory = new MemoryTransport();
    const service = serviceOver(memory);
    let pulled = 0;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    async function* endless() {
      try {
        for (;;) {
          await new Promise(setImmediate);
          yield `p${(pulled += 1)}@example.net`;
        }
      } finally {
        end();
      }
    }
    const plain = { from: 'a@example.com', text: 'a' };
    await new Promise<void>((resolve) => {
      const subscription = service.sendBulk(plain, endless()).subscribe(({ index }) => {
        if (index === 5) {
          subscription.unsubscribe();
          resolve();
        }
      });
    });
    await ended;
    expect(pulled).toBeLessThan(20);

    const controller = new AbortController();
    const aborted = all(service, endless(), plain, { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(aborted).rejects.toThrow('enough');
  });

  it('ends with the drain: what is in flight is told, the rest not taken', async () => {
    const service = serviceOver(new MemoryTransport());
    const told: MailBulkOutcome[] = [];
    let drained: Promise<unknown> | undefined;
    const done = new Promise((resolve) => {
      service.sendBulk(message, people(50), { concurrency: 1 }).subscribe({
        next: (outcome) => {
          told.push(outcome);
          drained ??= service.drain(1000);
        },
        error: resolve,
      });
    });
    expect(await done).toMatchObject({ code: 'MAIL_SHUTDOWN' });
    await drained;
    expect(told.length).toBeLessThan(5);
    expect(failed(told)).toEqual([]);
  });

  it('refuses a bad message before anything, and a second subscription', async () => {
    const memory = new MemoryTransport();
    const service = serviceOver(memory);
    const bad = [{ ...message, to: 'x@example.net' }, { ...message, txt: 'a' }, { from: 'a@b.c' }];
    for (const given of bad) {
      await expect(all(service, people(1), given as MailBulkMessage)).rejects.toMatchObject({
        code: 'MAIL_INVALID',
      });
    }
    expect(memory.mails).toHaveLength(0);
    expect(() => service.sendBulk(message, [], { concurrency: 0 })).toThrow('concurrency');
    const bulk = service.sendBulk(message, people(1));
    expect(await lastValueFrom(bulk)).toMatchObject({ status: 'sent', index: 0 });
    await expect(lastValueFrom(bulk)).rejects.toThrow('sent once');
    expect(memory.mails).toHaveLength(1);
    expect(await all(service, [])).toEqual([]);
  });

  it.each<[string, MailMessage]>([
    ['cc', { cc: 'boss@example.com' }],
    ['bcc', { bcc: 'archive@example.com' }],
    ['to', { to: ['team@example.com', 'x@example.com'] }],
    ['envelope', { envelope: { to: 'other@example.com' } }],
  ])('drops no recipient that an interceptor or a default gave in `%s`', async (field, given) => {
    const memory = new MemoryTransport();
    const service = new MailService({
      transport: memory,
      events: new EventBus(),
      clock: systemClock,
      prepare: (draft) => ({ message: { ...draft, ...given } }),
    });
    await expect(all(service, people(2))).rejects.toMatchObject({
      code: 'MAIL_INVALID',
      issues: [expect.objectContaining({ path: field })],
    });
    expect(memory.mails).toHaveLength(0);
  });

  it('emits each mail’s events', async () => {
    const { service } = await overSendGrid();
    const events: string[] = [];
    service.events$.subscribe(({ type }) => events.push(type));
    await all(service, people(2));
    expect(events.toSorted()).toEqual(['attempt', 'attempt', 'sent', 'sent']);
  });
});
