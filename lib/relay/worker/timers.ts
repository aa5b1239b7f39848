import type { Clock } from '../../base/clock.js';

/** One timer a name. They keep the process alive: a worker is there to work. */
export class Timers {
  private readonly running = new Map<string, () => void>();
  private closed = false;

  constructor(private readonly clock: Clock) {}

  /** Cancels all, and takes no more. */
  close(): void {
    this.closed = true;
    this.cancel(...this.running.keys());
  }

  has(name: string): boolean {
    return this.running.has(name);
  }

  /** Runs `work` once after `ms` milliseconds, in place of what the name stood for. */
  after(name: string, ms: number, work: () => void): void {
    this.cancel(name);
    if (this.closed) return;
    const ring = () => {
      this.running.delete(name);
      work();
    };
    this.running.set(name, this.clock.after(ms, ring, { keepAlive: true }));
  }

  cancel(...names: string[]): void {
    for (const name of names) {
      this.running.get(name)?.();
      this.running.delete(name);
    }
  }
}
