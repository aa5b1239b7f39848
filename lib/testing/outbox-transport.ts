import { abortedError, type MailDeliveryError, MailShutdownError } from '../base/errors.js';
import { onAbort } from '../base/on-abort.js';
import type { Mail } from '../message/mail.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transports/transport.js';
import {
  checkStep,
  errorOf,
  isRejecting,
  type OutboxFailure,
  type OutboxStep,
} from './outbox-script.js';

/** What a transport tells its outbox. */
export interface OutboxLedger {
  /** The next step for any transport. */
  nextStep(): OutboxStep | undefined;
  tried(attempt: { readonly mail: Mail; readonly transport: string; readonly error?: Error }): void;
}

/** Stands in for one transport: takes mail, or fails as it was told. */
export class OutboxTransport implements MailTransport {
  private steps: OutboxStep[] = [];
  private outage?: OutboxFailure;
  private readonly hanging = new Set<(reason: Error) => void>();
  private closed = false;

  constructor(
    readonly name: string,
    private readonly ledger: OutboxLedger,
  ) {}

  /**
   * Says what happens to the next attempts on this transport, one step each.
   * @throws MailConfigurationError for a step that there is not.
   */
  script(...steps: OutboxStep[]): this {
    steps.forEach(checkStep);
    this.steps.push(...steps);
    return this;
  }

  /**
   * From now on every attempt fails so, and so does `verify`, until `up` is called.
   * @throws MailConfigurationError for a step that there is not.
   */
  down(step: OutboxFailure = 'refused'): void {
    checkStep(step);
    this.outage = step;
  }

  up(): void {
    this.outage = undefined;
  }

  /** Forgets what is left of its script, and is up. */
  clear(): void {
    this.steps = [];
    this.up();
  }

  async deliver(mail: Mail, options: DeliverOptions = {}): Promise<MailDelivery> {
    const transport = this.name;
    try {
      const delivery = await this.play(mail, options.signal);
      this.ledger.tried({ mail, transport });
      return delivery;
    } catch (error) {
      this.ledger.tried({ mail, transport, error: error as Error });
      throw error;
    }
  }

  async verify(): Promise<void> {
    if (this.closed) throw new MailShutdownError();
    if (this.outage !== undefined) throw errorOf(this.outage, undefined, this.name);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  destroy(reason: Error = new MailShutdownError()): Promise<void> {
    for (const abort of [...this.hanging]) abort(reason);
    return this.close();
  }

  private async play(mail: Mail, signal: AbortSignal | undefined): Promise<MailDelivery> {
    const { name: transport } = this;
    if (this.closed) throw new MailShutdownError();
    if (signal?.aborted) throw aborted(transport, signal.reason);
    if (this.outage !== undefined) throw errorOf(this.outage, mail, transport);
    const step = this.steps.shift() ?? this.ledger.nextStep() ?? 'ok';
    if (step === 'hang') return this.hang(signal);
    const { to } = mail.envelope;
    if (step === 'ok') return { transport, accepted: to, rejected: [], response: '250 ok' };
    if (!isRejecting(step)) throw errorOf(step, mail, transport);
    const code = step.code ?? '550';
    const refused = new Set(step.reject.map((address) => address.toLowerCase()));
    const accepted = to.filter((address) => !refused.has(address.toLowerCase()));
    if (accepted.length === 0) throw errorOf(code, mail, transport);
    const rejected = to
      .filter((address) => !accepted.includes(address))
      .map((address) => ({
        address,
        disposition: code.startsWith('4') ? ('retry' as const) : ('permanent' as const),
        smtpCode: Number(code),
        response: `${code} scripted`,
      }));
    return { transport, accepted, rejected, response: '250 ok' };
  }

  private hang(signal: AbortSignal | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      const abort = (reason: unknown) => {
        this.hanging.delete(abort);
        forgetSignal?.();
        reject(aborted(this.name, reason));
      };
      this.hanging.add(abort);
      const forgetSignal = signal && onAbort(signal, () => abort(signal.reason));
    });
  }
}

function aborted(transport: string, cause: unknown): MailDeliveryError {
  const message = 'The attempt was aborted';
  return abortedError({ stage: 'mail', fault: 'transport', message, transport, cause });
}
