import { afterEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { lastValueFrom, toArray } from 'rxjs';
import { MailError, MailService, type MailMessage } from '../../../lib/index.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import { ATTACHMENT_FIELDS, MESSAGE_FIELDS } from '../../../lib/message/read/fields.js';
import { MailTestingModule } from '../../../lib/testing/index.js';
import { base } from './support.js';

let app: TestingModule | undefined;
afterEach(() => app?.close());

async function service(): Promise<MailService> {
  app = await Test.createTestingModule({ imports: [MailTestingModule.forRoot({})] }).compile();
  await app.init();
  return app.get(MailService);
}

const boom = (): never => {
  throw new Error('boom');
};
const revoked = Proxy.revocable({}, {});
revoked.revoke();

/** Throws at whatever is asked of it. */
const hostile = (target: object = {}): object =>
  new Proxy(target, {
    get: boom,
    has: boom,
    ownKeys: boom,
    getPrototypeOf: boom,
    getOwnPropertyDescriptor: boom,
  });

/** What may be thrown that is no Error, or fails when it is looked at. */
const thrown: Record<string, unknown> = {
  'an Error': new Error('boom'),
  undefined: undefined,
  'a symbol': Symbol('boom'),
  'a Proxy that throws': hostile(),
  'a revoked Proxy': revoked.proxy,
  'an Error whose message throws': Object.defineProperty(new Error('x'), 'message', { get: boom }),
};

const VALUES: Record<string, () => unknown> = {
  'a Proxy': () => hostile(),
  'a Proxy of an array': () => hostile([]),
  'a revoked Proxy': () => revoked.proxy,
  'a list with a Proxy': () => [hostile()],
  'an object with one': () => ({
    content: hostile(),
    name: hostile(),
    url: hostile(),
    a: hostile(),
  }),
  'an object with a getter': () => Object.defineProperty({}, 'a', { get: boom, enumerable: true }),
};

const refused = async (run: () => Promise<unknown>): Promise<void> => {
  const error: unknown = await run().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MailError);
};

describe('a message that throws when it is read', () => {
  it.each(Object.entries(VALUES))(
    '%s, as the message, in each field, in each attachment',
    async (_, value) => {
      const mail = await service();
      await refused(() => mail.send(value() as MailMessage));
      await refused(() => mail.render(value() as MailMessage));
      for (const field of [...MESSAGE_FIELDS, 'template', 'context', 'locale']) {
        await refused(() => mail.send({ ...base, [field]: value() }));
      }
      for (const field of ATTACHMENT_FIELDS) {
        const attachment = { content: 'x', [field]: value() };
        await refused(() => mail.send({ ...base, attachments: [attachment] }));
      }
    },
  );

  it.each(Object.entries(thrown))('a getter of each field that throws %s', async (_, what) => {
    const mail = await service();
    for (const field of MESSAGE_FIELDS) {
      const get = (): never => {
        throw what;
      };
      const message = Object.defineProperty({ ...base }, field, { get, enumerable: true });
      await refused(() => mail.send(message));
    }
  });

  it('says what was thrown, and keeps it as the cause', async () => {
    const mail = await service();
    const message = Object.defineProperty({ ...base }, 'html', { get: boom, enumerable: true });
    await expect(mail.send(message)).rejects.toMatchObject({
      code: 'MAIL_INVALID',
      message: expect.stringContaining('message: threw "boom" while it was read'),
      cause: expect.objectContaining({ message: 'boom' }),
    });
  });

  it('in the options of send', async () => {
    const mail = await service();
    await refused(() => mail.send(base, hostile()));
    for (const key of ['signal', 'sendAt', 'priority', 'idempotencyKey']) {
      await refused(() =>
        mail.send(base, Object.defineProperty({}, key, { get: boom, enumerable: true })),
      );
    }
  });

  it('in a bulk: the message fails it, a recipient fails alone', async () => {
    const mail = await service();
    await refused(() => lastValueFrom(mail.sendBulk(hostile(), ['a@example.com'])));
    const bad = Object.defineProperty({ to: 'c@example.com' }, 'context', { get: boom });
    const people = ['a@example.com', bad, 'b@example.com'];
    const { to, ...message } = base;
    expect(to).toBeDefined();
    const all = await lastValueFrom(mail.sendBulk(message, people).pipe(toArray()));
    expect(all.map(({ status }) => status).sort()).toEqual(['failed', 'sent', 'sent']);
  });

  it('out of storage', () => {
    expect(() => parseMail(hostile())).toThrow(MailError);
  });
});
