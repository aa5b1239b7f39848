import { describe, expect, it } from '@jest/globals';
import { MailDeliveryError } from '../../../lib/base/errors.js';
import type { Mail } from '../../../lib/message/mail.js';
import { RouteTransport } from '../../../lib/transports/route/route.transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import {
  startSendGridServer,
  type SendGridServer,
  type SendGridStep,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedSmtpServer, type ScriptedReply } from '../../fixtures/scripted-smtp-server.js';
import { overApi, overSmtp } from './helpers.js';

/** `CHAOS_SECONDS=60` is the long form. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 6);
const SENDERS = 20;
const SEED = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomFrom(SEED);
const chance = (p: number) => random() < p;
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

/** What the next hops took responsibility for. */
interface Ledger {
  /** By Message-ID. */
  readonly taken: Map<string, number>;
}

class SmtpHop {
  private server: ScriptedSmtpServer | undefined;
  private mood: ScriptedReply | undefined;
  port = 0;

  constructor(private readonly ledger: Ledger) {}

  async up(): Promise<void> {
    this.mood = undefined;
    if (this.server) return;
    const mood = () => this.mood;
    this.server = await ScriptedSmtpServer.start(
      {
        script: {
          greeting: mood,
          mail: () =>
            (this.mood ?? chance(0.01))
              ? { text: '421 4.3.2 going down', drop: 'after' }
              : undefined,
          rcpt: () => (chance(0.005) ? { drop: 'reset' } : undefined),
          final: () => (chance(0.01) ? { drop: oneOf(['before', 'reset'] as const) } : undefined),
        },
      },
      this.port,
    );
    this.port = this.server.port;
    this.server.on('message', ({ accepted, content }: { accepted: boolean; content: Buffer }) => {
      if (accepted) take(this.ledger, messageIdIn(content.toString('latin1')));
    });
  }

  /** Refuses connects and breaks what is open. */
  async down(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    await server?.close();
  }

  /** Greets with 421 and says 421 to mail. */
  busy(): void {
    this.mood = { text: '421 4.3.2 busy', drop: 'after' };
  }
}

class ApiHop {
  private server: SendGridServer | undefined;
  port = 0;

  constructor(private readonly ledger: Ledger) {}

  async up(): Promise<void> {
    if (this.server) return;
    this.server = await startSendGridServer({
      port: this.port,
      onAccepted: ({ mail }) => {
        take(this.ledger, headerIn(mail));
        if (chance(0.05)) this.server?.script(this.fault());
      },
    });
    this.port = this.server.port;
  }

  async down(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    await server?.close();
  }

  busy(): void {
    this.server?.script(...Array.from({ length: 8 }, () => ({ status: 503 })));
  }

  private fault(): SendGridStep {
    return oneOf<SendGridStep>([
      { status: 500 },
      { status: 503 },
      { drop: 'before-body' },
      { drop: 'after-body' },
      { delayMs: 20 },
    ]);
  }
}

function take({ taken }: Ledger, id: string): void {
  taken.set(id, (taken.get(id) ?? 0) + 1);
}

function messageIdIn(content: string): string {
  return /^Message-ID:\s*(<[^>]+>)/im.exec(content)?.[1] ?? 'none';
}

function headerIn(mail: unknown): string {
  return (mail as { headers?: Record<string, string> }).headers?.['Message-ID'] ?? 'none';
}

describe('transports that fail and recover at random, under load', () => {
  it(
    `loses and duplicates nothing in ${SECONDS} s (CHAOS_SEED=${SEED})`,
    async () => {
      const ledger: Ledger = { taken: new Map() };
      const hops = [new SmtpHop(ledger), new SmtpHop(ledger), new ApiHop(ledger)] as const;
      for (const hop of hops) await hop.up();
      const [a, b, api] = hops;
      const route = createTransport({
        type: 'route',
        strategy: 'failover',
        breaker: { trialAfterMs: 30, failures: 2 },
        transports: [
          overSmtp(a.port),
          {
            type: 'route',
            strategy: 'fastest',
            breaker: { trialAfterMs: 30, failures: 2 },
            transports: [overSmtp(b.port), overApi({ url: `http://127.0.0.1:${api.port}` })],
          },
        ],
      });
      if (!(route instanceof RouteTransport)) throw new Error('expected a route');
      await route.preload();

      const until = performance.now() + SECONDS * 1000;
      const running = () => performance.now() < until;
      const sent = new Set<string>();
      const unknown = new Set<string>();
      const transports = new Map<string, number>();
      let failed = 0;
      let hopsTaken = 0;

      /** Sends one mail until it is accepted or may have been, as a relay does. */
      const sendOne = async (mail: Mail): Promise<void> => {
        for (;;) {
          try {
            const { transport, hops: taken } = await route.deliver(mail);
            sent.add(mail.messageId);
            hopsTaken += taken?.length ?? 0;
            transports.set(transport, (transports.get(transport) ?? 0) + 1);
            return;
          } catch (error) {
            if (!(error instanceof MailDeliveryError)) throw error;
            if (error.disposition === 'unknown') {
              unknown.add(mail.messageId);
              return;
            }
            if (error.disposition !== 'retry') throw error;
            failed += 1;
            await pause(Math.min(error.retryAfterMs ?? 5, 50));
          }
        }
      };
      const sender = async (): Promise<void> => {
        while (running()) await sendOne(testMail());
      };
      const trouble = async (): Promise<void> => {
        while (running()) {
          await pause(20 + random() * 150);
          const hop = oneOf(hops);
          const what = random();
          if (what < 0.25) await hop.down();
          else if (what < 0.4) hop.busy();
          else await hop.up();
        }
        for (const hop of hops) await hop.up();
      };

      await Promise.all([trouble(), ...Array.from({ length: SENDERS }, sender)]);
      await route.close();
      for (const hop of hops) await hop.down();

      const { taken } = ledger;
      const missing = [...sent].filter((id) => taken.get(id) !== 1);
      const strangers = [...taken].filter(
        ([id, times]) => !sent.has(id) && !(unknown.has(id) && times === 1),
      );
      process.stdout.write(
        `chaos: ${sent.size} sent over ${transports.size} transports with ${hopsTaken} hops, ${failed} attempts failed on every transport, ` +
          `${unknown.size} unknown (${[...unknown].filter((id) => taken.has(id)).length} of them accepted)\n`,
      );
      // Sent means taken, exactly once; what was taken and not reported as sent is an unknown.
      expect(missing).toEqual([]);
      expect(strangers).toEqual([]);
      expect(sent.size).toBeGreaterThan(100);
      expect(transports.size).toBe(3);
      expect(hopsTaken).toBeGreaterThan(sent.size);
    },
    (SECONDS + 60) * 1000,
  );
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
