import { MailDeliveryError, MailError, MailShutdownError } from '../../base/errors.js';
import { cleanWords } from '../../base/server-words.js';
import type { MailBulkEntry } from '../../message/bulk.js';
import type { Mail } from '../../message/mail.js';
import type {
  DeliverOptions,
  MailBulkOptions,
  MailBulkDelivery,
  MailDelivery,
} from '../transport.js';
import { HttpClient, type HttpClientOptions } from './http-client.js';
import { failureFault, HttpFailure } from './http-failure.js';
import {
  isFault,
  type WebApiAcceptance,
  type WebApiFault,
  type WebApiIdempotency,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from './web-api.provider.js';

type SendOptions = Pick<DeliverOptions, 'signal'> & Pick<WebApiFault, 'safeRetryUntil'>;

const NOTHING_SETTLED: WebApiFault = {
  code: 'MAIL_PROTOCOL',
  disposition: 'unknown',
  fault: 'transport',
  stage: 'response',
  message: 'The answer says nothing of any recipient',
};
/** A 429 that does not say how long to wait. */
const DEFAULT_PAUSE_MS = 1_000;

/**
 * What a transport over a provider's HTTP API does, once its code is loaded. One `deliver` is one request at most: nothing is sent again here.
 * A 429 slows the whole transport down: what comes next waits until the provider's window is over.
 */
export class WebApiEngine {
  private readonly client: HttpClient;
  private closing: Promise<void> | undefined;
  private destroying: Promise<void> | undefined;

  constructor(
    private readonly name: string,
    private readonly provider: WebApiProvider,
    options: HttpClientOptions,
  ) {
    this.client = new HttpClient(options);
  }

  async deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery> {
    const make = (): WebApiRequest => {
      const request = this.provider.request(mail);
      if (isFault(request)) throw this.error(request);
      return withKey(request, this.provider.idempotency, mail);
    };
    const again = this.safeRetryOf(mail);
    const response = await this.send(make, { ...options, ...again });
    const outcome = this.provider.response(response, mail);
    if (isFault(outcome)) throw this.refused({ ...outcome, ...again });
    return this.delivery(outcome);
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

  /**
   * Until when the provider recognises the mail, if it does. It counts from the first request with the key; the
   * mail was made before that, so that this is never too late.
   */
  private safeRetryOf({ createdAt }: Mail): Pick<WebApiFault, 'safeRetryUntil'> {
    const { idempotency } = this.provider;
    return idempotency ? { safeRetryUntil: Date.parse(createdAt) + idempotency.ttlMs } : {};
  }

  private delivery({
    accepted,
    rejected = [],
    response,
    remoteId,
  }: WebApiAcceptance): MailDelivery {
    return {
      transport: this.name,
      accepted,
      rejected,
      // Once more: the words may have been unescaped from JSON since.
      response: this.safe(response),
      ...(remoteId === undefined ? {} : { remoteId: this.safe(remoteId) }),
    };
  }

  /** As few requests as fit; another one only for what the answer to the last left open. */
  async deliverBulk(
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]> {
    const bulk = this.provider.bulk!;
    const outcomes = new Map<MailBulkEntry, MailBulkDelivery>();
    for (const entry of entries) {
      const fault = bulk.check(shared, entry);
      if (fault) outcomes.set(entry, this.error(fault));
    }
    let open = entries.filter((entry) => !outcomes.has(entry));
    while (open.length > 0) {
      // What the request carries is known once it is made; until then a failure concerns all.
      let batch: readonly MailBulkEntry[] = open;
      try {
        const make = (): WebApiRequest => {
          const made = bulk.request(shared, open);
          if (isFault(made)) throw this.error(made);
          batch = open.slice(0, Math.max(1, made.taken));
          if (isFault(made.request)) throw this.error(made.request);
          return made.request;
        };
        const response = await this.send(make, options);
        const said = bulk.response(response, shared, batch);
        batch.forEach((entry, index) => {
          const outcome = said[index] ?? NOTHING_SETTLED;
          if (outcome === 'again') return;
          outcomes.set(entry, isFault(outcome) ? this.refused(outcome) : this.delivery(outcome));
        });
        // A provider that settles none of them would be asked for ever.
        if (!batch.some((entry) => outcomes.has(entry))) throw this.error(NOTHING_SETTLED);
      } catch (error) {
        // What else is thrown is the provider's own, and its request may be out.
        const failed = error instanceof MailError ? error : this.error(this.broken(error));
        for (const entry of batch) if (!outcomes.has(entry)) outcomes.set(entry, failed);
      }
      open = open.filter((entry) => !outcomes.has(entry));
    }
    return entries.map((entry) => outcomes.get(entry)!);
  }

  private broken(error: unknown): WebApiFault {
    const words = error instanceof Error ? error.message : String(error);
    return {
      ...NOTHING_SETTLED,
      message: `${this.provider.name} failed on it: ${words}`,
      cause: this.safeCause(error),
    };
  }

  private async send(
    make: () => WebApiRequest,
    options: SendOptions | undefined,
    harmless = false,
  ): Promise<WebApiResponse> {
    if (this.closing) throw new MailShutdownError();
    try {
      return this.redacted(await this.client.request(make, options?.signal));
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      const fault = failureFault(error, this.name, harmless);
      const cause = error.kind === 'aborted' ? error.cause : this.safeCause(error.cause);
      throw this.error({ ...fault, cause, safeRetryUntil: options?.safeRetryUntil });
    }
  }

  /** At once, before anything shortens it: half a key would not be recognised. */
  private redacted({ status, headers, body }: WebApiResponse): WebApiResponse {
    const { provider } = this;
    const safe: Record<string, string> = {};
    for (const name in headers) safe[name] = provider.redact(headers[name]!);
    return { status, headers: safe, body: body === '' ? body : provider.redact(body) };
  }

  private refused(fault: WebApiFault): MailDeliveryError {
    if (fault.code === 'MAIL_RATE') this.client.pause(fault.retryAfterMs ?? DEFAULT_PAUSE_MS);
    return this.error(fault);
  }

  private error(fault: WebApiFault): MailDeliveryError {
    const { message, response, ...rest } = fault;
    return new MailDeliveryError({
      ...rest,
      transport: this.name,
      message: this.safe(message),
      ...(response === undefined ? {} : { response: this.safe(response) }),
    });
  }

  /** Without the key, and without what a log or a terminal would act on. */
  private safe(words: string): string {
    return cleanWords(this.provider.redact(words)).trim();
  }

  /** undici's errors may hold raw bytes of the answer; only the code and the words go on. */
  private safeCause(cause: unknown): unknown {
    if (!(cause instanceof Error)) return undefined;
    const { code } = cause as { code?: unknown };
    const safe = new Error(this.safe(cause.message));
    return Object.assign(safe, { name: cause.name }, typeof code === 'string' ? { code } : {});
  }
}

/** The mail's id travels as the provider's idempotency key: each attempt of a mail has the same. */
function withKey(
  request: WebApiRequest,
  idempotency: WebApiIdempotency | undefined,
  { id }: Mail,
): WebApiRequest {
  if (!idempotency) return request;
  return { ...request, headers: { ...request.headers, [idempotency.header]: id } };
}
