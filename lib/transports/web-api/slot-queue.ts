import type { Stop } from './stop.js';

/** How a request that held a slot went for the transport: it may go faster, or has to slow down. */
export type SlotVerdict = 'faster' | 'slower' | 'neither';

/** A slot that is held; give it back. */
export type Slot = number;

/**
 * So many may hold a slot at once, `max` at most; the rest wait in line, first come first served. How
 * many follows what the transport bears (additive increase, multiplicative decrease): one more for every
 * round that went well, half of them when the transport is overloaded, and never less than one.
 */
export class SlotQueue {
  private readonly waiting = new Set<(slot: Slot) => void>();
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

  /** A slot, where one is free and nobody waits for it. */
  tryTake(): Slot | undefined {
    if (this.held >= this.size || this.waiting.size > 0) return undefined;
    this.held += 1;
    return this.epoch;
  }

  /**
   * Waits for a slot.
   * @throws the stop's reason, when it is pulled before a slot came free.
   */
  take(stop: Stop): Promise<Slot> {
    const free = stop.reason ? undefined : this.tryTake();
    if (free !== undefined) return Promise.resolve(free);
    return new Promise((resolve, reject) => {
      const enter = (slot: Slot): void => {
        stop.listen(undefined);
        resolve(slot);
      };
      this.waiting.add(enter);
      stop.listen((reason) => {
        this.waiting.delete(enter);
        reject(reason);
      });
    });
  }

  give(slot: Slot, verdict: SlotVerdict = 'neither'): void {
    this.held -= 1;
    if (verdict === 'faster') this.limit = Math.min(this.max, this.limit + 1 / this.limit);
    else if (verdict === 'slower' && slot === this.epoch) {
      this.limit = Math.max(1, this.size / 2);
      this.epoch += 1;
    }
    for (const enter of this.waiting) {
      if (this.held >= this.size) return;
      this.held += 1;
      this.waiting.delete(enter);
      enter(this.epoch);
    }
  }
}
