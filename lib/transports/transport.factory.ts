import { MailConfigurationError } from '../errors.js';
import { describe } from '../option-reader.js';
import { MemoryTransport, type MemoryTransportOptions } from './memory/memory.transport.js';
import { parseSmtpUrl } from './smtp/smtp.url.js';
import { SmtpTransport } from './smtp/smtp.transport.js';
import type { SmtpTransportOptions } from './smtp/smtp.options.js';
import type { MailTransport } from './transport.js';
import { parseSendGridUrl } from './web-api/sendgrid/sendgrid.url.js';
import { WebApiTransport } from './web-api/web-api.transport.js';
import type { WebApiTransportOptions } from './web-api/web-api.options.js';

/**
 * How a road is given: as options with a `type`, as a URL (`smtp://user:pass@host:587`, `smtps://…`,
 * `sendgrid://KEY@api.sendgrid.com`, `memory:`), or as an object of the MailTransport contract.
 */
export type MailTransportConfig =
  | (SmtpTransportOptions & { readonly type: 'smtp' })
  | (WebApiTransportOptions & { readonly type: 'web-api' })
  | (MemoryTransportOptions & { readonly type: 'memory' })
  | MailTransport
  | string;

const SCHEMES = 'smtp://, smtps://, sendgrid:// or memory:';
const METHODS = ['deliver', 'verify', 'close', 'destroy'] as const;

/**
 * Makes a road from its configuration, without any I/O.
 * @throws MailConfigurationError that names the option by its path, what was expected and what was got.
 */
export function createTransport(config: unknown, path = 'transport'): MailTransport {
  if (typeof config === 'string') return fromUrl(config, path);
  if (typeof config !== 'object' || config === null) {
    throw new MailConfigurationError(path, 'an object or a URL', describe(config));
  }
  if ('deliver' in config) return checkCustom(config, path);
  const type = 'type' in config ? config.type : undefined;
  switch (type) {
    case 'smtp':
      return new SmtpTransport(config as SmtpTransportOptions, path);
    case 'web-api':
      return new WebApiTransport(config as WebApiTransportOptions, path);
    case 'memory':
      return new MemoryTransport(config, path);
    default:
      throw new MailConfigurationError(
        `${path}.type`,
        "one of 'smtp', 'web-api', 'memory'",
        typeof type === 'string' ? `'${type.slice(0, 40)}'` : describe(type),
      );
  }
}

/** No error from here may quote the URL: it holds the password. */
function fromUrl(text: string, path: string): MailTransport {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new MailConfigurationError(path, `a URL (${SCHEMES})`, 'a string that is no URL');
  }
  switch (url.protocol) {
    case 'smtp:':
    case 'smtps:':
      return new SmtpTransport(parseSmtpUrl(url, path), path);
    case 'sendgrid:':
      return new WebApiTransport(parseSendGridUrl(url, path), path);
    case 'memory:':
      return new MemoryTransport({}, path);
    default:
      throw new MailConfigurationError(path, `a URL with ${SCHEMES}`, `the scheme ${url.protocol}`);
  }
}

function checkCustom(config: object, path: string): MailTransport {
  const candidate = config as Partial<Record<string, unknown>>;
  if (typeof candidate['name'] !== 'string' || candidate['name'] === '') {
    throw new MailConfigurationError(
      `${path}.name`,
      'a non-empty string',
      describe(candidate['name']),
    );
  }
  for (const method of METHODS) {
    if (typeof candidate[method] === 'function') continue;
    throw new MailConfigurationError(`${path}.${method}`, 'a method', describe(candidate[method]));
  }
  return config as MailTransport;
}
