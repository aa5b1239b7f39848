/**
 * Compiled, never run: what a user's editor must accept and refuse once the templates are declared.
 * Every `@ts-expect-error` fails the compilation where the compiler has nothing to object.
 */
import { expectTypeOf } from 'expect-type';
import {
  draft,
  OnMail,
  SendMail,
  type MailMessage,
  type MailReceipt,
  type MailSentEvent,
  type MailService,
  type MailTemplateName,
  type SentMail,
} from 'nestjs-mail-relay';

declare module 'nestjs-mail-relay' {
  interface MailTemplates {
    welcome: { name: string; coupon?: string };
    'account/reset': { link: string };
  }
}

declare const mail: MailService;
const to = 'jo@example.com';

expectTypeOf<MailTemplateName>().toEqualTypeOf<'welcome' | 'account/reset'>();

export async function messages(): Promise<void> {
  await mail.send({ to, text: 'no template' });
  await mail.send({ to, template: 'welcome', context: { name: 'Jo' } });
  await mail.send({ to, template: 'welcome', context: { name: 'Jo', coupon: 'X' }, locale: 'de' });
  expectTypeOf(mail.send({ to, text: '' })).resolves.toEqualTypeOf<MailReceipt>();

  // @ts-expect-error a template that is not there
  await mail.send({ to, template: 'welcom', context: { name: 'Jo' } });
  // @ts-expect-error a variable is missing
  await mail.send({ to, template: 'welcome', context: {} });
  // @ts-expect-error the context is missing
  await mail.send({ to, template: 'welcome' });
  // @ts-expect-error a variable of another type
  await mail.send({ to, template: 'welcome', context: { name: 7 } });
  // @ts-expect-error the context of another template
  await mail.send({ to, template: 'welcome', context: { link: 'https://x.y' } });
  // @ts-expect-error a variable that the template does not take
  await mail.send({ to, template: 'welcome', context: { name: 'Jo', nmae: 'x' } });
  // @ts-expect-error a context without a template
  await mail.send({ to, text: '', context: { name: 'Jo' } });
}

export const message: MailMessage = {
  to,
  template: 'account/reset',
  context: { link: 'https://x.y' },
};

export class Mails {
  @SendMail({ template: 'welcome', tags: ['welcome'] })
  welcome(name: string): SentMail<'welcome'> {
    return draft({ to, context: { name } });
  }

  @SendMail({ template: 'account/reset', mailer: 'bulk' })
  async reset(link: string): SentMail<'account/reset'> {
    await Promise.resolve();
    return draft({ to, context: { link } });
  }

  @SendMail({ subject: 'Plain' })
  plain(text: string): SentMail {
    return draft({ to, text });
  }

  @SendMail({ template: 'welcome' })
  inferred(name: string) {
    return draft<'welcome'>({ to, context: { name } });
  }

  // @ts-expect-error the method writes the mail of another template
  @SendMail({ template: 'account/reset' })
  other(name: string): SentMail<'welcome'> {
    return draft({ to, context: { name } });
  }

  // @ts-expect-error the method writes the mail of a template, and none is named
  @SendMail({ subject: 'x' })
  unnamed(name: string): SentMail<'welcome'> {
    return draft({ to, context: { name } });
  }

  // @ts-expect-error the method writes a mail without the template
  @SendMail({ template: 'welcome' })
  untemplated(): SentMail {
    return draft({ to, text: '' });
  }

  // @ts-expect-error there is no such template
  @SendMail({ template: 'reset' })
  unknown(): SentMail {
    return draft({ to });
  }

  @SendMail({ template: 'welcome' })
  incomplete(): SentMail<'welcome'> {
    // @ts-expect-error the variable `name` is missing
    return draft({ to, context: {} });
  }

  // @ts-expect-error the method answers no draft
  @SendMail({ template: 'welcome' })
  nothing(): string {
    return '';
  }
}

declare const mails: Mails;
expectTypeOf(mails.welcome('Jo')).resolves.toExtend<MailReceipt>();

export class Listeners {
  @OnMail('sent')
  sent(event: MailSentEvent): void {
    expectTypeOf(event.accepted).toEqualTypeOf<readonly string[]>();
  }

  @OnMail(['sent', 'failed'])
  either(event: { type: 'sent' | 'failed'; at: number }): number {
    return event.at;
  }

  @OnMail('drained')
  nothing(): void {}

  // @ts-expect-error there is no such event
  @OnMail('send')
  misspelt(): void {}

  // @ts-expect-error the event of another type
  @OnMail('failed')
  wrong(event: MailSentEvent): number {
    return event.at;
  }
}
