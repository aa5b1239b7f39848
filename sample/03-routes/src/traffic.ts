import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import {
  InjectMail,
  MailError,
  MailService,
  type MailHop,
  type TransportStatus,
} from 'nestjs-mail-relay';
import { Transports, type Strategy } from './transports.js';

/** A mail as the page shows it. */
export interface Taken {
  readonly number: number;
  readonly at: string;
  /** The transport that carried it; absent when none did. */
  readonly transport?: string;
  readonly durationMs: number;
  readonly why: string;
}

const KEPT = 30;
const EVERY_MS = 400;

/** Sends a mail again and again, and keeps which transport each one took and why. */
@Injectable()
export class Traffic implements OnApplicationBootstrap, OnModuleDestroy {
  readonly taken: Taken[] = [];
  strategy: Strategy = 'failover';
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @InjectMail('failover') private readonly failover: MailService,
    @InjectMail('fastest') private readonly fastest: MailService,
    private readonly transports: Transports,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.send(), EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async send(): Promise<Taken> {
    const number = (this.count += 1);
    const { strategy } = this;
    const before = this.transports.routes[strategy].status();
    const from = performance.now();
    const outcome = await this.attempt(number, strategy, before);
    const durationMs = Math.round(performance.now() - from);
    const taken = { number, at: new Date().toISOString(), durationMs, ...outcome };
    this.taken.unshift(taken);
    this.taken.length = Math.min(this.taken.length, KEPT);
    return taken;
  }

  private async attempt(number: number, strategy: Strategy, before: readonly TransportStatus[]) {
    try {
      const { hops } = await this[strategy].send({
        to: 'you@example.com',
        subject: `Mail ${number}`,
        text: `This is mail ${number}.`,
      });
      return { transport: hops.at(-1)?.transport, why: reason(hops, strategy, before) };
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      return { why: `${error.code} (${error.disposition})` };
    }
  }
}

/** Why the last of these transports carried the mail. */
function reason(
  hops: readonly MailHop[],
  strategy: Strategy,
  before: readonly TransportStatus[],
): string {
  const failed = hops.slice(0, -1);
  if (failed.length > 0) {
    return failed
      .map(({ transport, error }) => `${transport} failed (${error?.code ?? ''})`)
      .join(', ');
  }
  const taken = before.find(({ transport }) => transport === hops.at(-1)?.transport);
  const other = before.find((transport) => transport !== taken);
  if (!taken || !other) return 'the only transport';
  if (taken.state === 'half-open') return `${taken.transport} is back: one mail tries it`;
  if (other.state === 'open') {
    return `${other.transport} is down, tried again in ${((other.trialInMs ?? 0) / 1000).toFixed(1)} s`;
  }
  if (other.state === 'half-open') return `another mail tries ${other.transport}`;
  if (strategy === 'failover') return 'first in order';
  if (taken.latencyMs === undefined) return 'not measured yet';
  const compared = `${ms(taken)} a mail, ${other.transport} ${ms(other)}`;
  const slower = taken.latencyMs > (other.latencyMs ?? Infinity);
  return slower ? `looks whether it is still the slower one: ${compared}` : `faster: ${compared}`;
}

function ms({ latencyMs }: TransportStatus): string {
  return latencyMs === undefined ? 'not measured' : `${Math.round(latencyMs)} ms`;
}
