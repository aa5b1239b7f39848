/** A server and a distance to it, with what it is to show there. */
export interface CellPlan {
  readonly sink: 'chunking-sink' | 'smtp-sink' | 'postfix';
  readonly mode: 'chunking' | 'pipelining';
  readonly rttMs: number;
  /** MailService against nodemailer's pool of five. */
  readonly target?: number;
  /** MailService against the raw wire. */
  readonly ceilingTarget?: number;
  readonly quick?: boolean;
}

export const CELLS: readonly CellPlan[] = [
  { sink: 'chunking-sink', mode: 'chunking', rttMs: 0, target: 25, quick: true },
  {
    sink: 'chunking-sink',
    mode: 'chunking',
    rttMs: 20,
    target: 80,
    ceilingTarget: 0.9,
    quick: true,
  },
  {
    sink: 'chunking-sink',
    mode: 'chunking',
    rttMs: 100,
    target: 80,
    ceilingTarget: 0.9,
    quick: true,
  },
  { sink: 'smtp-sink', mode: 'pipelining', rttMs: 0, target: 15, quick: true },
  {
    sink: 'smtp-sink',
    mode: 'pipelining',
    rttMs: 20,
    target: 1.9,
    ceilingTarget: 0.9,
    quick: true,
  },
  { sink: 'smtp-sink', mode: 'pipelining', rttMs: 100, target: 1.9, ceilingTarget: 0.9 },
  { sink: 'postfix', mode: 'chunking', rttMs: 0, target: 1.7, quick: true },
  { sink: 'postfix', mode: 'chunking', rttMs: 20, target: 7 },
];

/** How long a cell runs: `[warm-up, measured]` in milliseconds. */
export function timesOf(rttMs: number, quick: boolean): readonly [number, number] {
  if (quick) return rttMs > 20 ? [350, 1300] : [300, 700];
  if (rttMs === 0) return [600, 1500];
  return rttMs > 20 ? [500, 2200] : [300, 1200];
}

/** Messages in flight on one connection to a CHUNKING server, ours and the raw wire's. */
export const WINDOW = 50;
