import { fulfilledWithin, type Clock } from '../base/clock.js';
import { MailShutdownError } from '../base/errors.js';
import type { MailDrainSummary } from '../events/mail-events.js';
import type { AbandonedMail, InFlight } from './in-flight.js';
import type { MailRelay } from '../relay/relay.js';
import type { RelayWorker } from '../relay/worker/worker.js';
import type { MailTransport } from '../transports/transport.js';

/** After the deadline a transport, or a storage, has this long to fail what it holds and close. */
const TEAR_DOWN_GRACE_MS = 500;

export interface DrainParts {
  readonly inFlight: InFlight;
  readonly transport: MailTransport;
  readonly relay?: MailRelay;
  readonly worker?: RelayWorker;
  /** Aborts what still loads the content of messages. */
  readonly loading: AbortController;
  readonly clock: Clock;
}

/**
 * Stops leasing, lets what is in flight finish for `timeoutMs` milliseconds, aborts the rest, closes the
 * connections and then the storage.
 */
export async function drainEverything(
  { inFlight, transport, relay, worker, loading, clock }: DrainParts,
  timeoutMs: number,
): Promise<MailDrainSummary> {
  const from = clock.monotonic();
  const remaining = () => Math.max(0, timeoutMs - (clock.monotonic() - from));
  const deadline = new MailShutdownError(
    `The drain deadline of ${timeoutMs} ms passed; the mail in flight was aborted.`,
  );
  inFlight.resetCount();
  const [work, idle] = await Promise.all([
    worker?.drain(timeoutMs, deadline),
    inFlight.whenIdle(timeoutMs),
  ]);
  const abandoned: AbandonedMail[] = [...(work?.abandoned ?? [])];
  if (idle) {
    await closeWithin(clock, remaining() + TEAR_DOWN_GRACE_MS, transport, deadline);
  } else {
    const tearDown = async () => {
      loading.abort(deadline);
      await transport.destroy(deadline);
    };
    abandoned.push(...(await inFlight.abandon(tearDown, TEAR_DOWN_GRACE_MS)));
  }
  if (relay) await closeWithin(clock, remaining() + TEAR_DOWN_GRACE_MS, relay, deadline);
  const { sent, failed } = inFlight.count;
  return {
    sent: sent + (work?.sent ?? 0),
    failed: failed + (work?.failed ?? 0),
    released: work?.released ?? 0,
    abandoned: abandoned.map(({ mail, disposition }) => ({
      id: mail.id,
      messageId: mail.messageId,
      recipients: mail.envelope.to,
      disposition,
    })),
    durationMs: clock.monotonic() - from,
  };
}

/** Closes politely (QUIT), or for good when the other side does not let go in time. */
async function closeWithin(
  clock: Clock,
  ms: number,
  what: { close(): Promise<void>; destroy(reason?: Error): Promise<void> },
  reason: Error,
): Promise<void> {
  // What cannot even close politely is torn down like one that is late.
  const closed = await fulfilledWithin(clock, ms, what.close());
  if (!closed) await fulfilledWithin(clock, TEAR_DOWN_GRACE_MS, what.destroy(reason));
}
