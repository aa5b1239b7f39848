import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { lastValueFrom, toArray } from 'rxjs';
import {
  MailService,
  MailVetoedError,
  type Mail,
  type MailInterceptor,
  type MailInterceptorInfo,
  type MailMessage,
} from '../../../lib/index.js';
import {
  MailOutbox,
  MailTestingModule,
  type MailTestingOptions,
} from '../../../lib/testing/index.js';
import { composeMime } from '../../../lib/message/mime/compose.js';
import { failureOf } from '../../unit/templates/support.js';

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(options: MailTestingOptions) {
  app = await Test.createTestingModule({ imports: [MailTestingModule.forRoot(options)] }).compile();
  await app.init();
  const { name } = options;
  return {
    mail: app.get<MailService>(name ? `MailService:${name}` : MailService),
    outbox: app.get(MailOutbox),
  };
}
/** The message as everybody gets it. */
const wireOf = (mail: Mail): string => composeMime(mail).bytes.toString();
const message = { to: 'jo@example.com', subject: 'S', text: 'T' };

@Injectable()
class AddHeader implements MailInterceptor {
  intercept(given: MailMessage, { mailer }: MailInterceptorInfo): MailMessage {
    return { ...given, headers: { 'X-Mailer-Name': mailer ?? 'default' } };
  }
}

@Injectable()
class Slow implements MailInterceptor {
  async intercept(given: MailMessage): Promise<MailMessage> {
    await Promise.resolve();
    return { ...given, subject: `${given.subject ?? ''}!` };
  }
}

@Injectable()
class Veto implements MailInterceptor {
  intercept(given: MailMessage): MailMessage {
    if (given.subject === 'S!') throw new MailVetoedError('this subject is not for customers');
    return given;
  }
}

@Injectable()
class Forgetful implements MailInterceptor {
  intercept(): MailMessage {
    return undefined as never;
  }
}

@Injectable()
class Broken implements MailInterceptor {
  async intercept(): Promise<MailMessage> {
    throw new TypeError('oops');
  }
}

describe('interceptors', () => {
  it('change messages in their order, and leave the caller alone', async () => {
    const { mail, outbox } = await start({ interceptors: [AddHeader, Slow], name: 'bulk' });
    const given = Object.freeze({ ...message });
    await mail.send(given);
    expect(outbox.last().subject).toBe('S!');
    expect(outbox.last().header('x-mailer-name')).toBe('bulk');
  });

  it('stop a message, and are named', async () => {
    const { mail, outbox } = await start({ interceptors: [Slow, Veto] });
    const error = await failureOf(mail.send(message));
    expect(error).toBeInstanceOf(MailVetoedError);
    expect(error).toMatchObject({ code: 'MAIL_VETOED', by: 'Veto', disposition: 'permanent' });
    expect(error.message).toBe(
      'The message was stopped by Veto; nothing was sent: this subject is not for customers',
    );
    outbox.assertNothingSent();
    await mail.send({ ...message, subject: 'other' });
  });

  it('that forget to answer or that fail send nothing', async () => {
    const forgetful = await start({ interceptors: [Forgetful] });
    await expect(forgetful.mail.send(message)).rejects.toThrow(
      /Forgetful.intercept answered nothing; return the message, or throw a MailVetoedError/,
    );
    await app?.close();
    const broken = await start({ interceptors: [Broken] });
    await expect(broken.mail.send(message)).rejects.toThrow(
      /stopped by Broken.*it failed with oops/,
    );
    broken.outbox.assertNothingSent();
  });

  it('are refused where they are none', async () => {
    class Pipe {
      transform() {}
    }
    const object = { intercept: (given: MailMessage) => given };
    expect(() => MailTestingModule.forRoot({ interceptors: [object as never] })).toThrow(
      'Expected `interceptors[0]` to be a class with `intercept`, which Nest makes an instance of, got an object.',
    );
    await expect(start({ interceptors: [Slow, Pipe as never] })).rejects.toThrow(
      'Expected `interceptors[1]` to be a class with `intercept`, got Pipe, which has none.',
    );
  });

  it('may not smuggle anything past the check', async () => {
    @Injectable()
    class Evil implements MailInterceptor {
      intercept(given: MailMessage): MailMessage {
        return { ...given, subject: 'a\r\nBcc: evil@example.com' };
      }
    }
    const { mail } = await start({ interceptors: [Evil] });
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_INVALID' });
  });
});

describe('redirect', () => {
  const redirect = { to: 'dev@example.org', allow: ['@team.example', 'qa@example.com'] };

  it('sends to others than allowed only in name', async () => {
    const { mail, outbox } = await start({ redirect });
    await mail.send({
      ...message,
      to: ['Jo <jo@example.com>', 'a@team.example'],
      cc: 'QA@example.com',
      bcc: 'hidden@example.com',
    });
    const { mail: sent, recipients } = outbox.last();
    expect([...recipients].sort()).toEqual(['QA@example.com', 'a@team.example', 'dev@example.org']);
    expect(sent.to.map(({ address }) => address)).toEqual(['a@team.example', 'dev@example.org']);
    expect(sent.cc.map(({ address }) => address)).toEqual(['QA@example.com']);
    expect(sent.bcc).toEqual([]);
    expect(outbox.last().header('X-Redirected-From')).toBe('jo@example.com');
    expect(Object.isFrozen(sent) && Object.isFrozen(sent.envelope.to)).toBe(true);
  });

  it('tells nobody of a blind copy, by name or by a recipient more', async () => {
    const { mail, outbox } = await start({ redirect });
    await mail.send({ ...message, to: 'a@team.example', bcc: 'hidden@example.com' });
    const { mail: sent, recipients } = outbox.last();
    expect([...recipients].sort()).toEqual(['a@team.example', 'dev@example.org']);
    expect(sent.to.map(({ address }) => address)).toEqual(['a@team.example']);
    expect(sent.bcc.map(({ address }) => address)).toEqual(['dev@example.org']);
    expect(wireOf(outbox.last().mail)).not.toContain('hidden');
    expect(wireOf(outbox.last().mail)).not.toContain('dev@example.org');
    const envelope = { to: ['a@team.example', 'secret@example.com'] };
    await mail.send({ ...message, to: 'a@team.example', envelope });
    expect(wireOf(outbox.last().mail)).not.toContain('secret');
  });

  it('takes out what a provider reads as orders, or names others, also of mail that may go', async () => {
    const headers = {
      'X-SMTPAPI': '{"to":["jo@example.com"]}',
      'x-msys-api': '{"cc":[{"email":"jo@example.com"}]}',
      'X-MC-BccAddress': 'jo@example.com',
      'Resent-To': 'jo@example.com',
      'RESENT-BCC': 'jo@example.com',
      'X-Redirected-From': 'jo@example.com',
      'X-Kept': 'kept',
    };
    const { mail, outbox } = await start({ redirect });
    for (const to of ['other@example.com', 'a@team.example']) {
      await mail.send({ ...message, to, headers });
      expect(wireOf(outbox.last().mail)).not.toContain('jo@example.com');
      expect(outbox.last().header('X-Kept')).toBe('kept');
    }
  });

  it.each([
    // The Kelvin sign and the dotted I fold to ASCII letters in JavaScript, in a mailbox of somebody else.
    ['\u212aay@ok.example', false],
    ['\u0130da@ok.example', false],
    ['kay@OK.EXAMPLE', true],
    ['KAY@ok.example', true],
    ['kay@\uff4f\uff4b.example', true],
    ['kay@o\u212a.example', true],
    ['x@m\u00fcnchen.example', true],
    ['x@XN--MNCHEN-3YA.example', true],
    ['x@mu\u0308nchen.example', true],
    ['x@munchen.example', false],
    ['\u212aay@team.example', true],
  ])('compares ASCII and A-labels alone: %s', async (to, passes) => {
    const allow = ['kay@ok.example', 'ida@ok.example', '@M\u00dcNCHEN.example', '@team.example'];
    const { mail, outbox } = await start({ redirect: { to: 'dev@example.org', allow } });
    await mail.send({ ...message, to });
    expect(outbox.last().recipients.includes('dev@example.org')).toBe(!passes);
  });

  it('leaves mail alone that only goes to those', async () => {
    const { mail, outbox } = await start({ redirect });
    await mail.send({ ...message, to: 'a@team.example' });
    expect(outbox.last().recipients).toEqual(['a@team.example']);
    expect(outbox.last().header('X-Redirected-From')).toBeUndefined();
  });

  it.each(['x@sub.team.example', 'x@team.example.evil.example', 'Team <x@evil.example>'])(
    'is not fooled by %s',
    async (to) => {
      const { mail, outbox } = await start({ redirect });
      await mail.send({ ...message, to });
      expect(outbox.last().recipients).toEqual(['dev@example.org']);
    },
  );

  it('covers an envelope of the caller', async () => {
    const { mail, outbox } = await start({ redirect });
    await mail.send({ ...message, to: 'a@team.example', envelope: { to: 'jo@example.com' } });
    expect(outbox.last().recipients).toEqual(['dev@example.org']);
  });

  it('covers each mail of a bulk', async () => {
    const { mail, outbox } = await start({ redirect });
    const people = ['jo@example.com', 'a@team.example', 'al@example.com'];
    const bulk = mail.sendBulk({ subject: 'S', text: 'T' }, people);
    const outcomes = await lastValueFrom(bulk.pipe(toArray()));
    expect(outcomes.map(({ status }) => status)).toEqual(['sent', 'sent', 'sent']);
    const sent = outbox.sent.map((one) => [...one.recipients, one.header('X-Redirected-From')]);
    expect(sent).toEqual([
      ['dev@example.org', 'jo@example.com'],
      ['a@team.example', undefined],
      ['dev@example.org', 'al@example.com'],
    ]);
  });

  it.each([
    [{}, /`redirect.to` to be one or more addresses/],
    [{ to: 'no address' }, /`redirect.to`/],
    [
      { to: 'a@example.com', allow: ['example.com'] },
      /`redirect.allow\[0\]` to be an address, or a domain as `@example.com`, got "example.com"/,
    ],
    [{ to: 'a@example.com', allow: ['jörg@example.com'] }, /a local part outside ASCII/],
    [{ to: 'a@example.com', allow: ['Jo <jo@example.com>'] }, /`redirect.allow\[0\]`/],
  ])('refuses %j', async (bad, expected) => {
    await expect(start({ redirect: bad as never })).rejects.toThrow(expected);
  });
});
