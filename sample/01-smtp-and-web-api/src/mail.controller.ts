import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { InjectMail, type MailMessage, type MailReceipt, MailService } from 'nestjs-mail-relay';

/** What a request carries. Unchecked here: `send` checks it and names every fault. */
type SendBody = Pick<MailMessage, 'to' | 'subject' | 'text' | 'html'>;

@Controller('send')
export class MailController {
  constructor(
    @InjectMail('smtp') private readonly smtp: MailService,
    @InjectMail('web-api') private readonly webApi: MailService,
  ) {}

  @Post('smtp')
  @HttpCode(200)
  overSmtp(@Body() { to, subject, text, html }: SendBody = {}): Promise<MailReceipt> {
    return this.smtp.send({ to, subject, text, html });
  }

  @Post('web-api')
  @HttpCode(200)
  overWebApi(@Body() { to, subject, text, html }: SendBody = {}): Promise<MailReceipt> {
    return this.webApi.send({ to, subject, text, html });
  }
}
