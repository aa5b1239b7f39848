import type { OnApplicationShutdown } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { Inbox } from 'mail-stand-ins/inbox';
import { startSmtpInbox, type SmtpInbox } from 'mail-stand-ins/smtp-inbox';

/** The mail server that the relay delivers to: a stand-in that can be stopped and started again. */
export class NextHop implements OnApplicationShutdown {
  private readonly inbox = new Inbox();
  private readonly password = randomBytes(12).toString('hex');
  private port = 0;
  private server: SmtpInbox | undefined;
  private changing: Promise<void> = Promise.resolve();

  static async open(): Promise<NextHop> {
    const nextHop = new NextHop();
    await nextHop.run(true);
    return nextHop;
  }

  /** The same for as long as this lives. */
  get url(): string {
    return `smtp://sample:${this.password}@127.0.0.1:${this.port}`;
  }

  get running(): boolean {
    return this.server !== undefined;
  }

  /** How many mails have arrived. */
  get arrived(): number {
    return this.inbox.list()[0]?.id ?? 0;
  }

  /** Starts or stops it; one after the other, when told so several times. */
  run(wanted: boolean): Promise<void> {
    this.changing = this.changing.then(async () => {
      if (wanted === this.running) return;
      const { server, inbox, password, port } = this;
      this.server = undefined;
      await server?.close();
      if (!wanted) return;
      this.server = await startSmtpInbox({ inbox, password, port });
      this.port = Number(new URL(this.server.url).port);
    });
    return this.changing;
  }

  /** The mail module drains before this hook. */
  onApplicationShutdown(): Promise<void> {
    return this.run(false);
  }
}
