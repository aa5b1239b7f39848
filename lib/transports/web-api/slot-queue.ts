/** How a request that held a slot went for the road: it may go faster, or has to slow down. */
export type SlotVerdict = 'faster' | 'slower' | 'neither';

interface Waiting {
  readonly enter: () => void;
}

/**
 * So many may hold a slot at once, `max` at most; the rest wait in line, first come first served. How
 * many follows what the road bears (additive increase, multiplicative decrease): one more for every
 * round that went well, half of them when the road is overloaded, and never less than one.
 */
export class SlotQueue {
  private readonly waiting = new Set<Waiting>();
  private held = 0;
  private limit: number;
  /** Grows with each decrease: who began before it tells nothing new. */
  private epoch = 0;

  constructor(private readonly max: number) {
    this.limit = max;
  }

  /** How many may hold a slot now. */
  get size(): number {
    return Math.floor(this.limit);
  }

  /**
   * Waits for a slot; the answer gives it back.
   * @throws the signal's reason, when it aborts before a slot came free.
   */
  async take(signal: AbortSignal): Promise<(verdict?: SlotVerdict) => void> {
    signal.throwIfAborted();
    if (this.held < this.size && this.waiting.size === 0) this.held += 1;
    else await this.turn(signal);
    const { epoch } = this;
    return (verdict = 'neither') => {
      this.held -= 1;
      if (verdict === 'faster') this.limit = Math.min(this.max, this.limit + 1 / this.limit);
      else if (verdict === 'slower' && epoch === this.epoch) {
        this.limit = Math.max(1, this.size / 2);
        this.epoch += 1;
      }
      this.admit();
    };
  }

  private admit(): void {
    for (const next of this.waiting) {
      if (this.held >= this.size) return;
      this.held += 1;
      next.enter();
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(waiting);
        signal.removeEventListener('abort', abort);
      };
      const waiting: Waiting = {
        enter: () => {
          leave();
          resolve();
        },
      };
      const abort = () => {
        leave();
        reject(signal.reason as Error);
      };
      this.waiting.add(waiting);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
