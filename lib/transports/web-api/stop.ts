/**
 * What may stop one request: the caller, its deadline, the transport's end. It stands in for an AbortSignal,
 * which would cost each request a fifth of its time: a request waits in one place at a time, so that one
 * listener is enough.
 */
export class Stop {
  private why: Error | undefined;
  private listener: ((reason: Error) => void) | undefined;

  get reason(): Error | undefined {
    return this.why;
  }

  /** The first reason counts. */
  cancel(reason: Error): void {
    if (this.why) return;
    this.why = reason;
    this.listener?.(reason);
  }

  /** `listener` takes the place of the one before; it is called at once where there is a reason already. */
  listen(listener: ((reason: Error) => void) | undefined): void {
    this.listener = listener;
    if (this.why) listener?.(this.why);
  }
}
