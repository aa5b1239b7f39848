import { Injectable, Logger } from '@nestjs/common';
import { OnMail, type MailFailedEvent } from 'nestjs-mail-relay';
import { AccountsMails, type Account } from './accounts.mails.js';

@Injectable()
export class AccountsService {
  private readonly logger = new Logger(AccountsService.name);

  constructor(private readonly mails: AccountsMails) {}

  async register(account: Account): Promise<string> {
    const receipt = await this.mails.welcome(account, `${account.email}&1`);
    return receipt.id;
  }

  @OnMail('failed')
  failed({ id, failure }: MailFailedEvent): void {
    this.logger.warn(`Mail ${id} was not sent: ${failure.message}`);
  }
}
