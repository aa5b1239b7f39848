import { MailDeliveryError, MailShutdownError } from '../../errors.js';
import type { Mail } from '../../message/mail.js';
import type { DeliverOptions, MailDelivery, MailTransport } from '../transport.js';
import { HttpClient } from './http-client.js';
import { failureFault, HttpFailure } from './http-failure.js';
import { readWebApiOptions, type WebApiTransportOptions } from './web-api.options.js';
import {
  isFault,
  type WebApiFault,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from './web-api.provider.js';

/** A 429 that does not say how long to wait. */
const DEFAULT_PAUSE_MS = 1_000;

/**
 * A road over a provider's HTTP API. One `deliver` is one request at most: nothing is sent again here.
 * A 429 slows the whole road down: what comes next waits until the provider's window is over.
 */
export class WebApiTransport implements MailTransport {
  readonly name: string;
  private readonly provider: WebApiProvider;
  private readonly client: HttpClient;
  private closing: Promise<void> | undefined;
  private destroying: Promise<void> | undefined;

  /** @throws MailConfigurationError */
  constructor(options: WebApiTransportOptions, path = 'transport') {
    const { provider, connections, timeoutMs } = readWebApiOptions(options, path);
    this.provider = provider;
    this.name = `${provider.name}:${new URL(provider.origin).host}`;
    this.client = new HttpClient({ origin: provider.origin, connections, timeoutMs });
  }

  async deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery> {
    const make = (): WebApiRequest => {
      const request = this.provider.request(mail);
      if (isFault(request)) throw this.error(request);
      return request;
    };
    const response = await this.send(make, options);
    const outcome = this.provider.response(response, mail);
    if (isFault(outcome)) throw this.refused(outcome);
    const { accepted, rejected = [], remoteId } = outcome;
    return {
      road: this.name,
      accepted,
      rejected,
      // Once more: the words may have been unescaped from JSON since.
      response: this.provider.redact(outcome.response),
      ...(remoteId === undefined ? {} : { remoteId }),
    };
  }

  async verify(options?: DeliverOptions): Promise<void> {
    const response = await this.send(() => this.provider.verifyRequest(), options, true);
    const fault = this.provider.verifyResponse(response);
    if (fault) throw this.refused(fault);
  }

  close(): Promise<void> {
    return (this.closing ??= this.client.close());
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.destroying ??= this.client.destroy(reason);
    await Promise.all([this.destroying, this.close()]);
  }

  private async send(
    make: () => WebApiRequest,
    options: DeliverOptions | undefined,
    harmless = false,
  ): Promise<WebApiResponse> {
    if (this.closing) throw new MailShutdownError();
    try {
      return this.redacted(await this.client.request(make, options?.signal));
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      const fault = failureFault(error, harmless);
      const cause = error.kind === 'aborted' ? error.cause : this.safeCause(error.cause);
      throw this.error({ ...fault, cause });
    }
  }

  /** At once, before anything shortens it: half a key would not be recognised. */
  private redacted({ status, headers, body }: WebApiResponse): WebApiResponse {
    const { provider } = this;
    return {
      status,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, provider.redact(value)]),
      ),
      body: provider.redact(body),
    };
  }

  private refused(fault: WebApiFault): MailDeliveryError {
    if (fault.code === 'MAIL_RATE') this.client.pause(fault.retryAfterMs ?? DEFAULT_PAUSE_MS);
    return this.error(fault);
  }

  private error(fault: WebApiFault): MailDeliveryError {
    const { message, response, ...rest } = fault;
    return new MailDeliveryError({
      ...rest,
      road: this.name,
      message: this.provider.redact(message),
      ...(response === undefined ? {} : { response: this.provider.redact(response) }),
    });
  }

  /** undici's errors may hold raw bytes of the answer; only the code and the words go on. */
  private safeCause(cause: unknown): unknown {
    if (!(cause instanceof Error)) return undefined;
    const { code } = cause as { code?: unknown };
    const safe = new Error(this.provider.redact(cause.message));
    return Object.assign(safe, { name: cause.name }, typeof code === 'string' ? { code } : {});
  }
}
