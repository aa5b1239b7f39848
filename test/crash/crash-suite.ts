import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LedgerServer } from './ledger-server.js';
import { RelayProcess } from './relay-process.js';

/** One driver under fire. */
export interface CrashHarness {
  /** DRIVER and RELAY for relay-app.mjs. */
  readonly env: { readonly DRIVER: string; readonly RELAY: string };
  /** Jobs that are leased now, and all that are still there. */
  count(): Promise<{ readonly leased: number; readonly left: number }>;
  /** Jobs that the process killed last had leased. */
  inFlight(): Promise<number>;
  dispose(): Promise<void>;
}

/** The long form: CRASH_KILLS=100 CRASH_TERMS=20 CRASH_MAILS=10000, as `npm run test:crash` sets them. */
const number = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const KILLS = number('CRASH_KILLS', 6);
const TERMS = number('CRASH_TERMS', 3);
const MAILS = number('CRASH_MAILS', 300);
const SEED = number('CRASH_SEED', Math.floor(Math.random() * 2 ** 31));
const TIMEOUT_MS = 60_000 + (KILLS + TERMS) * 10_000;

/** Mulberry32: small, seeded, good enough to choose moments. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function crashSuite(name: string, makeHarness: () => Promise<CrashHarness>): void {
  describe(`crash: ${name} (CRASH_SEED=${SEED})`, () => {
    let harness: CrashHarness;
    let server: LedgerServer;
    let port: number;
    let random: () => number;
    const running = new Set<RelayProcess>();

    beforeEach(async () => {
      random = randomOf(SEED);
      harness = await makeHarness();
      server = new LedgerServer(() => random() * 5);
      port = await server.listen();
    });

    afterEach(async () => {
      await Promise.all([...running].map((process) => process.end('SIGKILL')));
      running.clear();
      await server.close();
      await harness.dispose();
    });

    function start(run: string, sends: number): RelayProcess {
      const pool = { maxConnections: 5 };
      const process = new RelayProcess({
        ...harness.env,
        TRANSPORT: JSON.stringify({ type: 'smtp', host: '127.0.0.1', port, secure: false, requireTLS: false, pool }), // prettier-ignore
        SENDS: String(sends),
        RUN: run,
      });
      running.add(process);
      return process;
    }

    async function end(process: RelayProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<string[]> {
      await process.end(signal);
      running.delete(process);
      return process.acknowledged;
    }

    /** Runs one more process until nothing is left, and ends it in peace. */
    async function deliverTheRest(): Promise<void> {
      const last = start('last', 0);
      await last.whenReady();
      while ((await harness.count()).left > 0) await new Promise((go) => setTimeout(go, 50));
      await end(last, 'SIGTERM');
    }

    const duplicatesOf = () =>
      [...server.received.values()].reduce((sum, count) => sum + count - 1, 0);

    it(
      `loses nothing over ${KILLS} SIGKILLs`,
      async () => {
        const acknowledged: string[] = [];
        let inFlight = 0;
        for (let kill = 0; kill < KILLS; kill += 1) {
          const each = Math.ceil((MAILS / KILLS) * 1.5);
          // In turns: amid its sends, and some time after the last of them, amid its deliveries.
          const amidSends = kill % 2 === 0;
          const process = start(`kill-${kill}`, amidSends ? 1_000_000 : each);
          if (amidSends) await process.untilAcknowledged(1 + Math.floor(random() * each));
          else {
            await process.whenReady();
            await new Promise((go) => setTimeout(go, random() * 400));
          }
          acknowledged.push(...(await end(process, 'SIGKILL')));
          inFlight += await harness.inFlight();
        }
        const missing = MAILS - acknowledged.length;
        if (missing > 0) {
          const process = start('more', missing);
          while (process.acknowledged.length < missing) {
            await new Promise((go) => setTimeout(go, 20));
          }
          acknowledged.push(...(await end(process, 'SIGKILL')));
          inFlight += await harness.inFlight();
        }
        await deliverTheRest();
        const lost = acknowledged.filter((id) => !server.received.has(id));
        const duplicates = duplicatesOf();
        process.stdout.write(
          `${name}: ${acknowledged.length} acknowledged, ${KILLS} kills, ${lost.length} lost, ` +
            `${duplicates} duplicated, ${inFlight} were in flight at the kills\n`,
        );
        expect(acknowledged.length).toBeGreaterThanOrEqual(MAILS);
        expect(lost).toEqual([]);
        expect(duplicates).toBeLessThanOrEqual(inFlight);
      },
      TIMEOUT_MS,
    );

    it(
      `neither loses nor duplicates anything over ${TERMS} SIGTERMs`,
      async () => {
        const acknowledged: string[] = [];
        for (let term = 0; term < TERMS; term += 1) {
          const process = start(`term-${term}`, 1_000_000);
          await process.whenReady();
          await new Promise((go) => setTimeout(go, 20 + random() * 80));
          acknowledged.push(...(await end(process, 'SIGTERM')));
          expect(JSON.parse(process.drained ?? '{}')).toMatchObject({ abandoned: [] });
          expect(await harness.count()).toMatchObject({ leased: 0 });
        }
        await deliverTheRest();
        process.stdout.write(
          `${name}: ${acknowledged.length} acknowledged, ${TERMS} SIGTERMs, ${duplicatesOf()} duplicated\n`,
        );
        expect(acknowledged.length).toBeGreaterThan(TERMS);
        expect(acknowledged.filter((id) => !server.received.has(id))).toEqual([]);
        expect(duplicatesOf()).toBe(0);
      },
      TIMEOUT_MS,
    );

    it('does not lose a job whose process is killed three times', async () => {
      const id = '<unlucky-1@example.com>';
      for (const run of ['unlucky', 'second', 'third']) {
        server.swallow.add(id);
        const process = start(run, run === 'unlucky' ? 1 : 0);
        await server.until(() => server.swallowed > 0);
        server.swallowed = 0;
        await end(process, 'SIGKILL');
      }
      server.swallow.clear();
      await deliverTheRest();
      expect(server.received.get(id)).toBe(1);
    }, 60_000);
  });
}
