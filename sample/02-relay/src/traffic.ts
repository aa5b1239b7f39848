import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { MailError, MailService, type MailMessage } from 'nestjs-mail-relay';
import { lastValueFrom } from 'rxjs';

const EVERY_MS = 100;

/** Hands a mail to the relay again and again, and many at once when told to. */
@Injectable()
export class Traffic implements OnApplicationBootstrap, OnModuleDestroy {
  /** Mails that the relay did not take, because its storage is down. */
  refused = 0;
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly mail: MailService) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.send(), EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async burst(size: number): Promise<void> {
    const messages = Array.from({ length: size }, () => this.next());
    await lastValueFrom(this.mail.sendMany(messages));
  }

  private async send(): Promise<void> {
    try {
      await this.mail.send(this.next());
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      this.refused += 1;
    }
  }

  private next(): MailMessage {
    this.count += 1;
    return {
      to: 'you@example.com',
      subject: `Mail ${this.count}`,
      text: `This is mail ${this.count}.`,
    };
  }
}
