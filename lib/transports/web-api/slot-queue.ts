/** So many may hold a slot at once; the rest wait in line, first come first served. */
export class SlotQueue {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /**
   * Waits for a slot; the answer gives it back.
   * @throws the signal's reason, when it aborts before a slot came free.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.turn(signal);
    return () => {
      const [next] = this.waiting;
      if (next) next();
      else this.free += 1;
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(enter);
        signal.removeEventListener('abort', abort);
      };
      const enter = () => {
        leave();
        resolve();
      };
      const abort = () => {
        leave();
        reject(signal.reason as Error);
      };
      this.waiting.add(enter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
