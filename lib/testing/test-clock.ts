import { setImmediate } from 'node:timers';
import type { Clock } from '../base/clock.js';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** Time that moves only when a test says so. */
export class MailTestClock implements Clock {
  private elapsed = 0;
  private readonly timers = new Set<Timer>();

  /** @param start wall-clock time at the beginning, milliseconds since the Unix epoch. Default: now. */
  constructor(private readonly start = Date.now()) {}

  now(): number {
    return this.start + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.elapsed + Math.max(0, ms), fn };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /**
   * Moves time on. What falls due is called in its order, and what that begins gets its turn, before
   * the promise resolves.
   */
  async advance(ms: number): Promise<void> {
    const end = this.elapsed + ms;
    for (;;) {
      await settled();
      const [next] = [...this.timers].sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.elapsed = Math.max(this.elapsed, next.at);
      this.timers.delete(next);
      next.fn();
    }
    this.elapsed = end;
    await settled();
  }
}

/** From storage to the transport and back a mail takes some turns of the event loop. */
const TURNS = 8;

/** Turns of the event loop: every promise that could go on without time has. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
