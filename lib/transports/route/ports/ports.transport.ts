import { systemClock, type Clock } from '../../../base/clock.js';
import { abortedError, MailDeliveryError, MailShutdownError } from '../../../base/errors.js';
import { onAbort } from '../../../base/on-abort.js';
import type { Mail } from '../../../message/mail.js';
import {
  capacityOf,
  type DeliverOptions,
  type MailDelivery,
  type MailTransport,
} from '../../transport.js';
import { Gate } from '../gate.js';
import { findOpenPort } from './open-port.js';

export interface PortsParts {
  readonly host: string;
  /** In order of preference; at least one. */
  readonly ports: readonly number[];
  /** For finding an open port, in milliseconds. */
  readonly timeoutMs: number;
  readonly localAddress?: string;
  /** Makes the transport over one port; each is asked for once at most. Every one must be equally secure. */
  readonly make: (port: number) => MailTransport;
}

/**
 * A mail server whose open port is not known beforehand: it is found by connecting, and remembered until
 * it fails. A mail goes on to another port only while nothing of it was said.
 */
export class PortsTransport implements MailTransport {
  readonly name: string;
  private readonly made = new Map<number, MailTransport>();
  /** What worked last. */
  private port: number | undefined;
  /** Ports that took a connection and then failed, since one last worked. */
  private readonly failed = new Set<number>();
  private searching: Promise<number | undefined> | undefined;
  private readonly gate: Gate;
  private readonly stop = new AbortController();

  constructor(
    private readonly parts: PortsParts,
    private readonly clock: Clock = systemClock,
  ) {
    this.name = `smtp:${parts.host}`;
    this.gate = new Gate(this.name);
  }

  get capacity(): number {
    return capacityOf(this.transport(this.port ?? this.parts.ports[0]!));
  }

  deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery> {
    return this.gate.run(() =>
      this.overSomePort((transport) => transport.deliver(mail, options), options),
    );
  }

  verify(options?: DeliverOptions): Promise<void> {
    return this.gate.run(() =>
      this.overSomePort((transport) => transport.verify(options), options),
    );
  }

  async close(): Promise<void> {
    await this.gate.close();
    this.stop.abort(new MailShutdownError());
    await Promise.all([...this.made.values()].map((transport) => transport.close()));
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.stop.abort(reason);
    const closed = this.gate.close();
    await Promise.all([...this.made.values()].map((transport) => transport.destroy(reason)));
    await closed;
  }

  private async overSomePort<T>(
    work: (transport: MailTransport) => Promise<T>,
    { signal }: DeliverOptions = {},
  ): Promise<T> {
    let failure: MailDeliveryError | undefined;
    let triesLeft = this.parts.ports.length;
    while (triesLeft-- > 0) {
      const port = this.port ?? (await this.search(signal));
      if (port === undefined) break;
      try {
        const result = await work(this.transport(port));
        this.failed.clear();
        this.port = port;
        return result;
      } catch (error) {
        if (!isPortFault(error) || signal?.aborted) throw error;
        failure = error;
        this.failed.add(port);
        if (this.port === port) this.port = undefined;
      }
    }
    this.failed.clear();
    throw failure ?? this.noPort(signal);
  }

  private transport(port: number): MailTransport {
    const transport = this.made.get(port) ?? this.parts.make(port);
    this.made.set(port, transport);
    return transport;
  }

  /** One search serves all mails that wait; each may be aborted by itself. */
  private async search(signal: AbortSignal | undefined): Promise<number | undefined> {
    const left = this.parts.ports.filter((port) => !this.failed.has(port));
    if (left.length === 0 || signal?.aborted) return undefined;
    this.searching ??= this.find(left);
    if (!signal) return this.searching;
    let forgetSignal = (): void => undefined;
    const aborted = new Promise<undefined>((resolve) => {
      forgetSignal = onAbort(signal, () => {
        resolve(undefined);
      });
    });
    try {
      return await Promise.race([this.searching, aborted]);
    } finally {
      forgetSignal();
    }
  }

  private async find(ports: readonly number[]): Promise<number | undefined> {
    const { host, timeoutMs, localAddress } = this.parts;
    const { clock } = this;
    const { signal } = this.stop;
    this.port = await findOpenPort({ host, ports, timeoutMs, localAddress, signal, clock });
    this.searching = undefined;
    return this.port;
  }

  private noPort(signal: AbortSignal | undefined): MailDeliveryError {
    const { host, ports, timeoutMs } = this.parts;
    const stop = signal?.aborted ? signal : this.stop.signal;
    const about = {
      disposition: 'retry',
      fault: 'transport',
      stage: 'connect',
      transport: this.name,
    } as const;
    return stop.aborted
      ? abortedError({
          ...about,
          message: `The attempt over ${this.name} was aborted while connecting`,
          cause: stop.reason,
        })
      : new MailDeliveryError({
          ...about,
          code: 'MAIL_CONNECT',
          message: `No connection to ${host} on any of the ports ${ports.join(', ')} within ${timeoutMs} ms`,
        });
  }
}

/** The session did not come to where mail is spoken of, for a reason that may be the port's. */
function isPortFault(error: unknown): error is MailDeliveryError {
  if (!(error instanceof MailDeliveryError) || error.disposition !== 'retry') return false;
  const { code, stage } = error;
  if (code === 'MAIL_CONNECT' || code === 'MAIL_TLS') return true;
  return stage === 'greeting' && (code === 'MAIL_TIMEOUT' || code === 'MAIL_CONNECTION_LOST');
}
