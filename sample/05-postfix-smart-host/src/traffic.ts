import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { MailError, MailService } from 'nestjs-mail-relay';

const EVERY_MS = 500;
/** Hand-offs that the times are of. */
const KEPT = 200;

/** Hands a mail over again and again, and keeps how long Postfix took to say that it has it. */
@Injectable()
export class Traffic implements OnApplicationBootstrap, OnModuleDestroy {
  handedOver = 0;
  refused = 0;
  private readonly took: number[] = [];
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly mail: MailService) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.send('Mail'), EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async burst(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) await this.send('Burst, mail');
  }

  /** Of the last hand-offs, in milliseconds. */
  get times(): { readonly p50: number; readonly p99: number } {
    const sorted = [...this.took].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return { p50: at(0.5), p99: at(0.99) };
  }

  private async send(what: string): Promise<void> {
    const number = (this.count += 1);
    const from = performance.now();
    try {
      await this.mail.send({
        to: 'you@example.com',
        subject: `${what} ${number}`,
        text: 'Handed over to Postfix.',
      });
      this.handedOver += 1;
      this.took.push(performance.now() - from);
      if (this.took.length > KEPT) this.took.shift();
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      this.refused += 1;
    }
  }
}
