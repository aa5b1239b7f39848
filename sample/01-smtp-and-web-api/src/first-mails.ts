import { Injectable } from '@nestjs/common';
import { InjectMail, MailError, MailService, type MailReceipt } from 'nestjs-mail-relay';
import { Transports } from './transports.js';

/** Sends the same message over each transport once the app is up, and prints what became of it. */
@Injectable()
export class FirstMails {
  constructor(
    @InjectMail('smtp') private readonly smtp: MailService,
    @InjectMail('web-api') private readonly webApi: MailService,
    private readonly transports: Transports,
  ) {}

  async send(): Promise<void> {
    console.log();
    await Promise.all([
      this.sendOver('SMTP', this.smtp),
      this.sendOver('the Web API', this.webApi),
    ]);
  }

  private async sendOver(transport: string, mail: MailService): Promise<void> {
    try {
      const receipt = await mail.send({
        to: this.transports.to,
        subject: `Hello over ${transport}`,
        text: `Hello,\n\nthis message came over ${transport}.\n`,
        html: `<h1>Hello</h1><p>This message came over <strong>${transport}</strong>.</p>`,
      });
      console.log(describeReceipt(transport, receipt));
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      const { code, disposition, message } = error;
      console.log(`Not sent over ${transport}: ${code} (${disposition})\n  ${message}\n`);
    }
  }
}

function describeReceipt(transport: string, receipt: MailReceipt): string {
  const lines = [`Receipt over ${transport}: ${receipt.status}`, `  id          ${receipt.id}`];
  lines.push(`  accepted    ${receipt.accepted.join(', ')}`);
  for (const { address, response } of receipt.rejected) {
    lines.push(`  rejected    ${address}: ${response}`);
  }
  for (const hop of receipt.hops) {
    lines.push(`  transport        ${hop.transport}, ${Math.round(hop.durationMs)} ms`);
    lines.push(`  answer      ${hop.response ?? ''}`);
    if (hop.remoteId !== undefined) lines.push(`  remote id   ${hop.remoteId}`);
  }
  return `${lines.join('\n')}\n`;
}
