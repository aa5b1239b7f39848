import { OnGlobalQueueResumed, OnGlobalQueueWaiting, Processor } from '@nestjs/bull';

/** What Bull calls when mail waits. */
export interface MailConsumer {
  /** The worker's; there once it consumes. */
  onWork?: () => void;
}

/**
 * The consumer class of one queue. It has no `@Process`: jobs are leased, many in one step, by the
 * scripts of this driver, which say why.
 */
export function consumerOf(queue: string): new () => MailConsumer {
  @Processor(queue)
  class BullMailConsumer implements MailConsumer {
    onWork?: () => void;

    @OnGlobalQueueWaiting()
    onWaiting(): void {
      this.onWork?.();
    }

    @OnGlobalQueueResumed()
    onResumed(): void {
      this.onWork?.();
    }
  }
  return BullMailConsumer;
}
