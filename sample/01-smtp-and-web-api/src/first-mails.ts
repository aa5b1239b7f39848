import { Injectable } from '@nestjs/common';
import { InjectMail, MailError, MailService, type MailReceipt } from 'nestjs-mail-relay';
import { Roads } from './transports.js';

/** Sends the same message over each road once the app is up, and prints what became of it. */
@Injectable()
export class FirstMails {
  constructor(
    @InjectMail('smtp') private readonly smtp: MailService,
    @InjectMail('web-api') private readonly webApi: MailService,
    private readonly roads: Roads,
  ) {}

  async send(): Promise<void> {
    console.log();
    await Promise.all([
      this.sendOver('SMTP', this.smtp),
      this.sendOver('the Web API', this.webApi),
    ]);
  }

  private async sendOver(road: string, mail: MailService): Promise<void> {
    try {
      const receipt = await mail.send({
        to: this.roads.to,
        subject: `Hello over ${road}`,
        text: `Hello,\n\nthis message came over ${road}.\n`,
        html: `<h1>Hello</h1><p>This message came over <strong>${road}</strong>.</p>`,
      });
      console.log(describeReceipt(road, receipt));
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      const { code, disposition, message } = error;
      console.log(`Not sent over ${road}: ${code} (${disposition})\n  ${message}\n`);
    }
  }
}

function describeReceipt(road: string, receipt: MailReceipt): string {
  const lines = [`Receipt over ${road}: ${receipt.status}`, `  id          ${receipt.id}`];
  lines.push(`  accepted    ${receipt.accepted.join(', ')}`);
  for (const { address, response } of receipt.rejected) {
    lines.push(`  rejected    ${address}: ${response}`);
  }
  for (const hop of receipt.hops) {
    lines.push(`  road        ${hop.road}, ${Math.round(hop.durationMs)} ms`);
    lines.push(`  answer      ${hop.response ?? ''}`);
    if (hop.remoteId !== undefined) lines.push(`  remote id   ${hop.remoteId}`);
  }
  return `${lines.join('\n')}\n`;
}
