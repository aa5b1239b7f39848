import type { SmtpPoolOptions } from '../../lib/transports/smtp/options/smtp.options.js';

/** What a contestant is asked to do: send to one port for a while, as fast as it can. */
export interface Cell {
  readonly port: number;
  /** How the server can be spoken to: BDAT without waiting, or a round trip a message. */
  readonly mode: 'chunking' | 'pipelining';
  readonly connections: number;
  /** Mails on the wire of one connection in `stream` mode. */
  readonly window: number;
  /** Our pool's options where they are not the default. */
  readonly pool?: SmtpPoolOptions;
  readonly warmMs: number;
  readonly cellMs: number;
}

export interface CellResult {
  /** All that was acknowledged, warm-up and end included: the sink must have counted as much. */
  readonly acked: number;
  /** Acknowledged in the measured time. */
  readonly measured: number;
  readonly elapsedMs: number;
  /** CPU time of the process in the measured time, in microseconds. */
  readonly cpuMicros: number;
  /** Greatest resident memory of the process so far, in bytes. */
  readonly peakBytes: number;
  /** Sends that failed, and how the first did. A good run has none. */
  readonly failed: number;
  readonly failure?: string;
}

/** Keeps a transport busy until it is stopped; `stop` resolves once all that was sent is settled. */
export interface Load {
  stop(): Promise<void>;
}

/** What happens to a send is told here. */
export interface Tally {
  ack(): unknown;
  fail(error: unknown): unknown;
}

export type StartLoad = (cell: Cell, tally: Tally) => Promise<Load>;

/** As many sends at a time as `lanes`; each lane sends its next mail once the one before is settled. */
export function startLanes(
  lanes: number,
  tally: Tally,
  send: (i: number) => Promise<unknown>,
  close: () => Promise<unknown>,
): Load {
  let running = true;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (running) {
      try {
        await send(next++);
        tally.ack();
      } catch (error) {
        tally.fail(error);
        running = false;
      }
    }
  };
  const all = Promise.all(Array.from({ length: lanes }, lane));
  return {
    stop: async () => {
      running = false;
      await all;
      await close();
    },
  };
}

/**
 * Enough callers that the wire never waits for one: a fifth more than fit on it. More would only be
 * memory for the garbage collector to carry about.
 */
export function lanesFor({ mode, connections, window }: Cell): number {
  return Math.max(20, Math.ceil(1.2 * connections * (mode === 'chunking' ? window : 2)));
}
