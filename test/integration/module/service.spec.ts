import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { lastValueFrom, toArray } from 'rxjs';
import {
  MailDeliveryError,
  MailModule,
  MailService,
  MailValidationError,
  MemoryTransport,
  type DeliverOptions,
  type Mail,
  type MailDelivery,
  type MailModuleOptions,
  type MailTransport,
} from '../../../lib/index.js';

/** A transport of the user's own, as the contract allows. */
class OwnTransport implements MailTransport {
  readonly name = 'own';
  constructor(
    private readonly answer: (mail: Mail, options?: DeliverOptions) => Promise<MailDelivery>,
  ) {}
  deliver(mail: Mail, options?: DeliverOptions) {
    return this.answer(mail, options);
  }
  verify = () => Promise.resolve();
  close = () => Promise.resolve();
  destroy = () => Promise.resolve();
}

const defaults = { from: 'shop@example.com' };
const message = { to: 'jo@example.com', subject: 'Hello', text: 'Hi' };

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function serviceOf(options: MailModuleOptions, name?: string) {
  app = await Test.createTestingModule({
    imports: [MailModule.forRoot({ defaults, isGlobal: true, name, ...options })],
  }).compile();
  return app.get<MailService>(name ? `MailService:${name}` : MailService);
}

describe('MailService', () => {
  it('refuses a bad message before the transport hears of it, with every fault', async () => {
    const outbox = new MemoryTransport();
    const mail = await serviceOf({ transport: outbox });
    const bad = { to: 'no address', subject: 'a\r\nBcc: evil@example.com', txt: 'x' };
    const error: unknown = await mail.send(bad as never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MailValidationError);
    const paths = (error as MailValidationError).issues.map((issue) => issue.path);
    expect(paths.sort()).toEqual(['subject', 'to', 'txt']);
    expect((error as Error).message).toContain('`text`');
    expect(outbox.mails).toEqual([]);
  });

  it('renders without sending', async () => {
    const outbox = new MemoryTransport();
    const mail = await serviceOf({ transport: outbox });
    const rendered = await mail.render(message);
    expect(rendered).toMatchObject({ subject: 'Hello', from: { address: 'shop@example.com' } });
    expect(Object.isFrozen(rendered)).toBe(true);
    expect(outbox.mails).toEqual([]);
  });

  it('answers a partial delivery recipient by recipient', async () => {
    const rejected = [
      {
        address: 'b@example.com',
        disposition: 'permanent' as const,
        smtpCode: 550,
        response: 'no',
      },
    ];
    const mail = await serviceOf({
      transport: new OwnTransport(() =>
        Promise.resolve({
          transport: 'own',
          accepted: ['a@example.com'],
          rejected,
          response: '250 ok',
        }),
      ),
    });
    const receipt = await mail.send({ ...message, to: ['a@example.com', 'b@example.com'] });
    expect(receipt).toMatchObject({
      status: 'partial',
      accepted: ['a@example.com'],
      rejected,
      hops: [{ outcome: 'partial' }],
    });
  });

  it('tells the whole story on events$, and completes it after drained', async () => {
    let calls = 0;
    const mail = await serviceOf(
      {
        transport: new OwnTransport((sent) => {
          calls += 1;
          if (calls === 1) {
            return Promise.resolve({
              transport: 'own',
              accepted: sent.envelope.to,
              rejected: [],
              response: '250 queued',
              remoteId: 'Q1',
            });
          }
          return Promise.reject(
            new MailDeliveryError({
              code: 'MAIL_RECIPIENTS',
              disposition: 'permanent',
              fault: 'message',
              stage: 'rcpt',
              message: 'all refused',
              rejected: [{ address: 'jo@example.com', disposition: 'permanent', response: '550' }],
            }),
          );
        }),
      },
      'story',
    );
    const heard = lastValueFrom(mail.events$.pipe(toArray()));
    const { id } = await mail.send(message);
    await mail.send(message).catch(() => undefined);
    await app?.close();
    const events = await heard;
    expect(events.map((event) => event.type)).toEqual([
      'attempt',
      'sent',
      'attempt',
      'attempt-failed',
      'rejected',
      'failed',
      'drained',
    ]);
    expect(events[1]).toMatchObject({ id, mailer: 'story', transport: 'own', remoteId: 'Q1' });
    expect(events[3]).toMatchObject({ error: { code: 'MAIL_RECIPIENTS' } });
    expect(events[5]).toMatchObject({
      recipients: ['jo@example.com'],
      failure: { code: 'MAIL_RECIPIENTS', disposition: 'permanent' },
    });
    expect(events[6]).toMatchObject({
      summary: { sent: 0, failed: 0, released: 0, abandoned: [] },
    });
  });

  it('publishes the same events on diagnostics channels', async () => {
    const mail = await serviceOf({ transport: 'memory:' });
    const heard: unknown[] = [];
    const listener = (event: unknown) => heard.push(event);
    subscribe('nestjs-mail-relay:sent', listener);
    const { id } = await mail.send(message);
    unsubscribe('nestjs-mail-relay:sent', listener);
    await mail.send(message);
    expect(heard).toMatchObject([{ type: 'sent', id }]);
  });

  it('hands the caller’s signal to the transport', async () => {
    const mail = await serviceOf({ transport: 'memory:' });
    const error: unknown = await mail
      .send(message, { signal: AbortSignal.abort(new Error('changed my mind')) })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'MAIL_ABORTED',
      disposition: 'retry',
      cause: { message: 'changed my mind' },
    });
  });

  it('makes a foreign error of an own transport a MailDeliveryError of unknown outcome', async () => {
    const mail = await serviceOf({
      transport: new OwnTransport(() => Promise.reject(new TypeError('oops'))),
    });
    await expect(mail.send(message)).rejects.toMatchObject({
      code: 'MAIL_PROTOCOL',
      disposition: 'unknown',
      cause: { name: 'TypeError' },
    });
  });
});
