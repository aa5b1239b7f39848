import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CrashHarness } from './crash-suite.js';
import { LedgerServer } from './ledger-server.js';
import { RelayProcess } from './relay-process.js';

const SENDS = 400;
/** Slow enough that a process holds much when it is stopped. */
const ANSWER_MS = 40;

/** What others do is done, when a process comes back that was stopped for longer than its lease. */
export function stoppedSuite(name: string, makeHarness: () => Promise<CrashHarness>): void {
  describe(`stopped: ${name}`, () => {
    let harness: CrashHarness;
    let server: LedgerServer;
    let port: number;
    const running = new Set<RelayProcess>();

    beforeEach(async () => {
      harness = await makeHarness();
      server = new LedgerServer(() => ANSWER_MS);
      port = await server.listen();
    });

    afterEach(async () => {
      await Promise.all([...running].map((process) => process.end('SIGKILL')));
      running.clear();
      await server.close();
      await harness.dispose();
    });

    function start(run: string, sends: number, role = 'both'): RelayProcess {
      const pool = { maxConnections: 5 };
      const { DRIVER, RELAY } = harness.env;
      const process = new RelayProcess({
        DRIVER,
        RELAY: JSON.stringify({ ...(JSON.parse(RELAY) as object), role }),
        TRANSPORT: JSON.stringify({ type: 'smtp', host: '127.0.0.1', port, secure: false, requireTLS: false, pool }), // prettier-ignore
        SENDS: String(sends),
        RUN: run,
      });
      running.add(process);
      return process;
    }

    async function end(process: RelayProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
      await process.end(signal);
      running.delete(process);
    }

    async function untilNothingIsLeft(): Promise<void> {
      while ((await harness.count()).left > 0) await new Promise((go) => setTimeout(go, 50));
    }

    it('begins no mail on waking that others sent meanwhile', async () => {
      const stopped = start('stopped', SENDS);
      await stopped.untilAcknowledged(SENDS);
      await server.until(() => server.received.size >= 10);
      stopped.stop();
      const held = await harness.inFlight();
      const other = start('other', 0);
      await other.whenReady();
      await untilNothingIsLeft();
      await end(other, 'SIGTERM');
      expect(server.received.size).toBe(SENDS);

      const begun = new Map(server.begun);
      stopped.goOn();
      // It alone sends what comes next, and is awake when that is sent.
      const producer = start('late', 20, 'producer');
      await producer.untilAcknowledged(20);
      await end(producer, 'SIGKILL');
      await untilNothingIsLeft();
      await end(stopped, 'SIGTERM');
      const beganAgain = [...begun].filter(([to, times]) => server.begun.get(to) !== times);
      const twice = [...server.received.values()].filter((times) => times > 1).length;
      process.stdout.write(
        `${name}: ${held} held by the stopped process, ${beganAgain.length} of them begun on waking, ${twice} of ${SENDS} accepted twice\n`,
      );
      // More than what was on the wire.
      expect(held).toBeGreaterThan(10);
      expect(beganAgain).toEqual([]);
    }, 90_000);
  });
}
