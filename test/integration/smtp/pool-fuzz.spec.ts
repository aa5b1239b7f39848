import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type Clock, systemClock } from '../../../lib/base/clock.js';
import { MailDeliveryError, MailShutdownError } from '../../../lib/base/errors.js';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import fc from '../../fixtures/fast-check.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedSmtpServer, type ScriptedReply } from '../../fixtures/scripted-smtp-server.js';
import { audit, type Outcome } from '../../fixtures/smtp-audit.js';
import { MODE_NAMES, MODES } from './modes.js';

/** The system's clock, with its timers in sight. */
function watchedClock() {
  const running = new Set<object>();
  const clock: Clock = {
    ...systemClock,
    after(ms, fn, options) {
      const one = {};
      running.add(one);
      const cancel = systemClock.after(
        ms,
        () => {
          running.delete(one);
          fn();
        },
        options,
      );
      return () => {
        running.delete(one);
        cancel();
      };
    },
  };
  return { clock, running };
}

/** Counts the connections that this process makes to a port and has not given up. */
function watchedSockets() {
  const sockets = new Set<Socket>();
  const sizes: number[] = [];
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    sizes.push([...sockets].filter((one) => !one.destroyed).length);
  };
  subscribe('net.client.socket', onSocket);
  return {
    peak: () => Math.max(0, ...sizes),
    open: () => [...sockets].filter((one) => !one.destroyed).length,
    stop: () => unsubscribe('net.client.socket', onSocket),
  };
}

const pool = fc.record({
  maxConnections: fc.integer({ min: 1, max: 3 }),
  maxMessages: fc.integer({ min: 0, max: 3 }),
  maxInFlight: fc.integer({ min: 1, max: 4 }),
  maxPerSecond: fc.constantFrom(0, 0, 500),
  maxQueued: fc.constantFrom(0, 2, 100),
  idleTimeoutMs: fc.constantFrom(5, 30_000),
});
/** What a server limits, and how it tells. */
const server = fc.record({
  connections: fc.constantFrom(1, 2, 100),
  full: fc.constantFrom<ScriptedReply>(
    { text: '421 4.7.0 too many', drop: 'after' },
    { drop: 'before' },
    { drop: 'reset' },
  ),
  mails: fc.constantFrom(1, 2, 5, 100),
  enough: fc.constantFrom<ScriptedReply>(
    { text: '421 4.7.0 enough', drop: 'after' },
    { drop: 'before' },
    { drop: 'reset' },
  ),
});
const action = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'deliver' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('abort' as const), ms: fc.nat(8) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'verify' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'server closes all' as const }) },
);
const ending = fc.constantFrom('close', 'close', 'destroy', 'close, then destroy');

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe.each(MODE_NAMES)('a pool in mode %s under whatever befalls it', (mode) => {
  it('settles every mail as the server saw it, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        pool,
        server,
        fc.array(action, { minLength: 1, maxLength: 30 }),
        ending,
        async (options, limits, actions, end) => {
          const mails = new Map<unknown, number>();
          const host = await ScriptedSmtpServer.start({
            capabilities: MODES[mode],
            script: {
              greeting: () => (host.openConnections > limits.connections ? limits.full : undefined),
              mail: ({ connection }) => {
                const count = (mails.get(connection) ?? 0) + 1;
                mails.set(connection, count);
                return count > limits.mails ? limits.enough : undefined;
              },
            },
          });
          const { clock, running } = watchedClock();
          const sockets = watchedSockets();
          const where = { host: host.host, port: host.port, name: 'client.test' };
          const transport = new SmtpTransport({ ...where, pool: options }, 'transport', clock);
          const shared = new AbortController();
          const outcomes: Promise<Outcome | undefined>[] = [];
          const deliver = (signal: AbortSignal): void => {
            const mail = testMail({ text: 'text\n'.repeat(200) });
            outcomes.push(
              transport.deliver(mail, { signal }).then(
                (delivery) => ({ mail, delivery }),
                (error: unknown) => {
                  if (error instanceof MailDeliveryError) return { mail, error };
                  expect(error).toBeInstanceOf(MailShutdownError);
                  return undefined;
                },
              ),
            );
          };
          try {
            for (const one of actions) {
              if (one.kind === 'deliver') deliver(shared.signal);
              else if (one.kind === 'abort') deliver(AbortSignal.timeout(one.ms));
              else if (one.kind === 'pause') await pause(one.ms);
              else if (one.kind === 'server closes all') host.disconnectAll();
              else void transport.verify().catch(() => undefined);
            }
            const over = end === 'destroy' ? transport.destroy() : transport.close();
            if (end === 'close, then destroy') {
              await pause(3);
              await transport.destroy();
            }
            await over;
            const told = await Promise.all(outcomes);
            audit(
              host,
              told.filter((one) => one !== undefined),
            );
            expect(sockets.open()).toBe(0);
            expect(sockets.peak()).toBeLessThanOrEqual(2 * options.maxConnections);
            expect(running.size).toBe(0);
            expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0);
            await host.until(() => host.openConnections === 0);
          } finally {
            sockets.stop();
            await transport.destroy();
            await host.close();
          }
        },
      ),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 60), endOnFailure: true },
    );
  }, 600_000);
});
