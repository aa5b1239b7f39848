import { MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { asMailError } from '../attempt.js';
import { failedToLoad } from '../failed-to-load.js';
import type {
  DeliverOptions,
  MailBulkTransport,
  MailDelivery,
  MailTransport,
} from '../transport.js';
import type { Providers } from './providers.js';
import type { WebApiEngine } from './web-api.engine.js';
import { readWebApiOptions, type WebApiTransportOptions } from './web-api.options.js';

/**
 * A transport over a provider's HTTP API. One `deliver` is one request at most: nothing is sent again here.
 * Its options are checked when it is made; the HTTP client and the provider's code are loaded with its first
 * use, or by `preload`.
 */
export class WebApiTransport implements MailTransport {
  readonly name: string;
  /** One request on each connection. */
  readonly capacity: number;
  readonly bulk?: MailBulkTransport;
  /** A closure, so that nobody who looks at the transport sees the key. */
  readonly #load: () => Promise<WebApiEngine>;
  #loading: Promise<WebApiEngine> | undefined;
  /** Once it is loaded, a mail waits for no promise of ours. */
  #engine: WebApiEngine | undefined;
  private closed = false;

  /** @throws MailConfigurationError */
  constructor(options: WebApiTransportOptions, path = 'transport', providers?: Providers) {
    const { source, ...client } = readWebApiOptions(options, path, providers);
    const { name, origin, bulkSize } = source;
    this.capacity = client.connections;
    this.name = `${name}:${new URL(origin).host}`;
    this.#load = () =>
      inTurn(async () => {
        const { WebApiEngine } = await import('./web-api.engine.js');
        return new WebApiEngine(this.name, await source.load(), { origin, ...client });
      });
    if (bulkSize !== undefined) {
      this.bulk = {
        size: bulkSize,
        deliver: async (shared, entries, options) => {
          try {
            return await (await this.engine()).deliverBulk(shared, entries, options);
          } catch (error) {
            return entries.map(() => asMailError(error, this.name));
          }
        },
      };
    }
  }

  async preload(): Promise<void> {
    await this.engine();
  }

  deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery> {
    return this.#engine && !this.closed
      ? this.#engine.deliver(mail, options)
      : this.engine().then((engine) => engine.deliver(mail, options));
  }

  async verify(options?: DeliverOptions): Promise<void> {
    await (await this.engine()).verify(options);
  }

  async close(): Promise<void> {
    this.closed = true;
    await (await this.loaded())?.close();
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.closed = true;
    await (await this.loaded())?.destroy(reason);
  }

  /** @throws MailDeliveryError where the code cannot be loaded; the next use tries again. */
  private engine(): Promise<WebApiEngine> {
    if (this.closed) return Promise.reject(new MailShutdownError());
    if (this.#engine) return Promise.resolve(this.#engine);
    this.#loading ??= this.#load().then(
      (engine) => (this.#engine = engine),
      (cause: unknown) => {
        this.#loading = undefined;
        throw failedToLoad(this.name, cause);
      },
    );
    return this.#loading;
  }

  /** What is there to close: a load that is under way has mail behind it, which comes first. */
  private async loaded(): Promise<WebApiEngine | undefined> {
    return this.#engine ?? (await this.#loading?.catch(() => undefined));
  }
}

let loading: Promise<unknown> = Promise.resolve();

/** One at a time: Jest's loader of ES modules fails where two that are under way share a module. */
function inTurn<T>(load: () => Promise<T>): Promise<T> {
  const loaded = loading.then(load);
  loading = loaded.catch(() => undefined);
  return loaded;
}
