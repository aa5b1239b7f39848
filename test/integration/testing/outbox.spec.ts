import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  draft,
  MailModule,
  MailService,
  SendMail,
  type MailDeliveryError,
  type SentMail,
} from '../../../lib/index.js';
import {
  mailMatchers,
  MailOutbox,
  MailTestClock,
  MailTestingModule,
  overrideMail,
  startMailServer,
  type MailMatchers,
  type MailServer,
} from '../../../lib/testing/index.js';
import { failureOf } from '../../unit/templates/support.js';

declare module 'expect' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- as a user writes it
  interface Matchers<R> extends MailMatchers<R> {}
}

beforeAll(() => expect.extend(mailMatchers));

const to = 'jo@example.com';
const message = {
  to,
  subject: 'Hello',
  text: 'See https://x.y/z.',
  html: '<a href="https://x.y/?a=1&amp;b=2">x</a>',
};

@Injectable()
class Mails {
  @SendMail({ subject: 'Hi', tags: ['hi'] })
  hi(): SentMail {
    return draft({ to, text: 'Hi' });
  }
}

@Module({
  imports: [
    MailModule.forRoot({
      transport: 'smtp://user:secret@127.0.0.1:1',
      defaults: { from: 'shop@example.com' },
    }),
    MailModule.forRoot({ name: 'bulk', transport: 'smtp://127.0.0.1:1' }),
  ],
  providers: [Mails],
})
class AppModule {}

let app: TestingModule | undefined;
let server: MailServer | undefined;
afterEach(async () => {
  await app?.close();
  await server?.close();
  app = server = undefined;
});

async function start(clock?: MailTestClock) {
  const builder = Test.createTestingModule({ imports: [AppModule] });
  const outbox = overrideMail(builder, { clock });
  const bulk = overrideMail(builder, { name: 'bulk' });
  app = await builder.compile();
  await app.init();
  return { outbox, bulk, mail: app.get(MailService) };
}

describe('overrideMail', () => {
  it('puts an outbox in place of the transports, one for each mailer', async () => {
    const { outbox, bulk } = await start();
    await app!.get(Mails).hi();
    expect(outbox.last()).toMatchMail({
      subject: 'Hi',
      from: 'shop@example.com',
      recipients: [to],
    });
    expect(outbox.to('JO@example.com')).toHaveLength(1);
    expect(outbox.assertSent({ tag: 'hi', text: /^H/ }).mail.tags).toEqual(['hi']);
    bulk.assertNothingSent();
  });

  it('stops a test whose mailer is not there, which would send real mail', async () => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    overrideMail(builder, { name: 'bluk' });
    await expect(builder.compile()).rejects.toThrow(
      /overrideMail\(\)\.name.*a mailer that a MailModule of the app registers.*'bluk'/,
    );
    expect(() => overrideMail(builder, { clok: 1 } as never)).toThrow(/clok/);
  });

  it('leaves validation and events real', async () => {
    const { outbox, mail } = await start();
    const types: string[] = [];
    mail.events$.subscribe(({ type }) => types.push(type));
    await expect(mail.send({ to: 'nobody', text: '' })).rejects.toMatchObject({
      code: 'MAIL_INVALID',
    });
    await mail.send(message);
    expect(types).toEqual(['attempt', 'sent']);
    expect(outbox).toHaveSentTimes(1);
  });

  it('answers what tests ask about a mail', async () => {
    const { outbox, mail } = await start();
    await mail.send({
      ...message,
      bcc: 'audit@example.com',
      headers: { 'X-Kind': 'a' },
      metadata: { order: '7' },
      attachments: [{ filename: 'a.txt', content: 'A' }],
    });
    const last = outbox.last();
    expect(last.links).toEqual(['https://x.y/?a=1&b=2']);
    expect(last.attachment('a.txt')?.content.toString()).toBe('A');
    expect(last.header('x-kind')).toBe('a');
    expect(outbox.to('audit@example.com')).toHaveLength(1);
    outbox.assertSent(
      { link: /x\.y/, attachment: 'a.txt', metadata: { order: '7' } },
      { times: 1 },
    );
    outbox.assertNotSent({ subject: 'Other' });
    outbox.clear();
    outbox.assertNothingSent();
  });
});

describe('assertions', () => {
  it('say of each mail what is different', async () => {
    const { outbox, mail } = await start();
    const nothing = await failureOf((async () => outbox.assertSent({ to }))());
    expect(nothing.message).toBe(
      'Expected a mail with\n  to: "jo@example.com"\nto be sent, but nothing was sent.',
    );
    await mail.send(message);
    const error = await failureOf(
      (async () => outbox.assertSent({ to, subject: 'Helo', text: /bye/ }))(),
    );
    expect(error.message).toBe(`Expected a mail with
  to: "jo@example.com"
  subject: "Helo"
  text: /bye/
to be sent, but none of the 1 sent is one:
  1. to jo@example.com: "Hello"
       subject: expected "Helo", got "Hello"
       text: expected /bye/, got "See https://x.y/z."`);
    const global = /hello/gi;
    expect(outbox.find({ subject: global })).toHaveLength(1);
    expect(outbox.find({ subject: global })).toHaveLength(1);
    const some = await failureOf((async () => outbox.assertNothingSent())());
    expect(some.message).toContain('1. to jo@example.com: "Hello"');
    const times = await failureOf((async () => outbox.assertSent({ to }, { times: 2 }))());
    expect(times.message).toMatch(/2 times, but it was 1 times/);
  });

  it('come as matchers with a diff', async () => {
    const { outbox, mail } = await start();
    await mail.send(message);
    expect(outbox).toHaveSent({ to });
    expect(outbox).not.toHaveSent({ to: 'x@example.com' });
    expect(() => expect(outbox).toHaveSent({ to: 'x@example.com' })).toThrow(
      /to: expected "x@example.com", got \["jo@example.com"\]/,
    );
    expect(() => expect(outbox).not.toHaveSent({ to })).toThrow(/Expected no mail with/);
    expect(() =>
      expect(outbox.last()).toMatchMail({ subject: 'Hello', text: 'See\nthat' }),
    ).toThrow(/text:\n[^]*- See[^]*- that[^]*\+ See https:\/\/x\.y\/z\./);
    expect(() => expect(outbox).toHaveSentTimes(2)).toThrow(/Sent: 1\n {2}to jo/);
  });
});

describe('scripted failures', () => {
  it.each([
    ['421', 'MAIL_SERVICE', 'retry', 'transport'],
    ['450', 'MAIL_RECIPIENTS', 'retry', 'message'],
    ['550', 'MAIL_RECIPIENTS', 'permanent', 'message'],
    ['552', 'MAIL_CONTENT', 'permanent', 'message'],
    ['535', 'MAIL_AUTH', 'retry', 'transport'],
    ['timeout', 'MAIL_TIMEOUT', 'retry', 'transport'],
    ['refused', 'MAIL_CONNECT', 'retry', 'transport'],
    ['drop-before-dot', 'MAIL_CONNECTION_LOST', 'retry', 'transport'],
    ['drop-after-dot', 'MAIL_CONNECTION_LOST', 'unknown', 'transport'],
  ] as const)('%s is %s, %s, fault of the %s', async (step, code, disposition, fault) => {
    const { outbox, mail } = await start();
    const failed: string[] = [];
    mail.events$.subscribe((event) => failed.push(event.type));
    outbox.script(step);
    await expect(mail.send(message)).rejects.toMatchObject({ code, disposition, fault });
    expect(failed.at(-1)).toBe('failed');
    await expect(mail.send(message)).resolves.toMatchObject({ status: 'sent' });
    expect(outbox.sent).toHaveLength(1);
    expect(outbox.attempts.map(({ error }) => error === undefined)).toEqual([false, true]);
  });

  it('asks to wait, refuses some recipients, throws what it was given', async () => {
    const { outbox, mail } = await start();
    outbox.script(
      { retryAfter: 5_000 },
      { reject: [to] },
      { reject: [to], code: '450' },
      new Error('own'),
    );
    const wait = (await failureOf(mail.send(message))) as unknown as MailDeliveryError;
    expect(wait.retryAfterMs).toBe(5_000);
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_RECIPIENTS' });
    const receipt = await mail.send({ ...message, to: [to, 'b@example.com'] });
    expect(receipt).toMatchObject({
      status: 'partial',
      accepted: ['b@example.com'],
      rejected: [{ address: to, disposition: 'retry' }],
    });
    await expect(mail.send(message)).rejects.toMatchObject({ cause: { message: 'own' } });
  });

  it('refuses a step that there is not', async () => {
    const { outbox } = await start();
    expect(() => outbox.script('tiemout' as never)).toThrow(/got 'tiemout'/);
    expect(() => outbox.script('toString' as never)).toThrow(/got 'toString'/);
    expect(() => outbox.script({ retryAfter: -1 })).toThrow(/got {"retryAfter":-1}/);
    expect(() => outbox.script({} as never)).toThrow(/got {}/);
  });

  it('hangs until the attempt is aborted, or the drain gives up by a clock moved by hand', async () => {
    const clock = new MailTestClock();
    const { outbox, mail } = await start(clock);
    outbox.script('hang', 'hang');
    const stop = new AbortController();
    const aborted = failureOf(mail.send(message, { signal: stop.signal }));
    await clock.advance(0);
    stop.abort();
    expect(await aborted).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });

    const left = failureOf(mail.send(message));
    await clock.advance(0);
    const closing = app!.close();
    app = undefined;
    await clock.advance(9_999);
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
    await clock.advance(1);
    expect(await left).toMatchObject({ code: 'MAIL_ABORTED' });
    await clock.advance(10_000);
    await closing;
  });
});

describe('MailTestingModule', () => {
  it('gives single providers a mailer and the test its outbox', async () => {
    app = await Test.createTestingModule({
      imports: [MailTestingModule.forRoot()],
      providers: [Mails],
    }).compile();
    await app.init();
    await app.get(Mails).hi();
    const outbox = app.get(MailOutbox);
    expect(outbox.last().from).toBe('test@example.com');
  });
});

describe('startMailServer', () => {
  it('receives what the app really sends', async () => {
    server = await startMailServer({
      refuse: (recipient) => (recipient.startsWith('no') ? '550 nobody here' : undefined),
    });
    app = await Test.createTestingModule({
      imports: [MailModule.forRoot({ transport: server.url, defaults: { from: 'a@example.com' } })],
    }).compile();
    const mail = app.get(MailService);
    const next = server.next();
    const receipt = await mail.send({ ...message, to: [to, 'no@example.com'] });
    expect(receipt).toMatchObject({
      status: 'partial',
      rejected: [{ address: 'no@example.com', smtpCode: 550 }],
    });
    expect(await next).toMatchObject({
      from: 'a@example.com',
      to: [to],
      subject: 'Hello',
      text: expect.stringContaining('https://x.y/z'),
    });
    expect(server.mails).toHaveLength(1);
  });
});
