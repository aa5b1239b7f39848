import { Injectable } from '@nestjs/common';
import { draft, SendMail, type SentMail } from 'nestjs-mail-relay';

export interface Account {
  readonly name: string;
  readonly email: string;
  readonly locale: string;
}

/** Every mail that the app writes, in one place. */
@Injectable()
export class AccountsMails {
  @SendMail({ template: 'welcome', tags: ['welcome'] })
  welcome({ name, email, locale }: Account, token: string): SentMail<'welcome'> {
    const link = `https://accounts.example/confirm?token=${encodeURIComponent(token)}`;
    return draft({ to: { name, address: email }, locale, context: { name, link } });
  }

  @SendMail({ template: 'reset', priority: 'high' })
  reset({ name, email, locale }: Account, token: string): SentMail<'reset'> {
    const link = `https://accounts.example/reset?token=${encodeURIComponent(token)}`;
    return draft({ to: email, locale, context: { name, link, minutes: 30 } });
  }

  @SendMail({ template: 'statement' })
  statement(
    { email, locale }: Account,
    month: string,
    signIns: readonly { readonly at: string; readonly device: string }[],
  ): SentMail<'statement'> {
    return draft({ to: email, locale, context: { month, signIns } });
  }
}
