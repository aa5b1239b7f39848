import { MailShutdownError } from '../../base/errors.js';

/** Counts what is under way, so that closing can wait for it and refuse the rest. */
export class Gate {
  private readonly underWay = new Set<Promise<unknown>>();
  private closed = false;

  constructor(private readonly name: string) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed) {
      throw new MailShutdownError(
        `${this.name} is closed and takes no new mail; nothing was sent.`,
      );
    }
    const running = work();
    this.underWay.add(running);
    try {
      return await running;
    } finally {
      this.underWay.delete(running);
    }
  }

  /** Refuses what comes from now on and waits for what is under way. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.underWay);
  }
}
