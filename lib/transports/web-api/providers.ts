import { MailConfigurationError } from '../../base/errors.js';
import { describe } from '../../base/option-reader.js';
import * as registry from './registry.js';
import type { WebApiManifest } from './web-api.manifest.js';

const BUILT_IN: readonly WebApiManifest[] = Object.values(registry);

/** Schemes that mean something else already. */
const TAKEN = ['smtp', 'smtps', 'lmtp', 'lmtps', 'memory', 'mailbox', 'route', 'http', 'https'];
const ROUTES = ['failover', 'fastest', 'round-robin'];

/** The providers that a configuration may name. */
export class Providers {
  private readonly byName: ReadonlyMap<string, WebApiManifest>;

  /**
   * @param own those of the user's own, beside ours.
   * @throws MailConfigurationError
   */
  constructor(own: readonly WebApiManifest[] = [], path = 'providers') {
    const byName = new Map(BUILT_IN.map((manifest) => [manifest.name, manifest]));
    // JavaScript may hand in anything.
    const given: unknown = own;
    if (!Array.isArray(given)) {
      throw new MailConfigurationError(path, 'an array of manifests', describe(given));
    }
    for (const [index, manifest] of given.entries()) {
      const checked = checkManifest(manifest, `${path}[${index}]`);
      if (byName.has(checked.name)) {
        const expected = 'a name that no other provider has';
        throw new MailConfigurationError(`${path}[${index}].name`, expected, `'${checked.name}'`);
      }
      byName.set(checked.name, checked);
    }
    this.byName = byName;
  }

  get all(): readonly WebApiManifest[] {
    return [...this.byName.values()];
  }

  /** By what stands in front of a URL's `:`, too. */
  named(name: unknown): WebApiManifest | undefined {
    return typeof name === 'string' ? this.byName.get(name) : undefined;
  }

  /** For errors: `'sendgrid', 'postmark'`. */
  get names(): string {
    return [...this.byName.keys()].map((name) => `'${name}'`).join(', ');
  }

  /** For errors: `sendgrid://, postmark://`. */
  get schemes(): string {
    return [...this.byName.keys()].map((name) => `${name}://`).join(', ');
  }
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

function checkManifest(given: unknown, path: string): WebApiManifest {
  if (typeof given !== 'object' || given === null) {
    throw new MailConfigurationError(path, 'a manifest of a provider', describe(given));
  }
  const manifest = given as Partial<Record<keyof WebApiManifest, unknown>>;
  const need = (key: keyof WebApiManifest, good: boolean, expected: string): void => {
    if (good) return;
    throw new MailConfigurationError(`${path}.${key}`, expected, describe(manifest[key]));
  };
  const { name, title, host, url, options, messageOptions, bulkSize, load } = manifest;
  const free = typeof name === 'string' && NAME.test(name) && ![...TAKEN, ...ROUTES].includes(name);
  need('name', free, 'a scheme of its own, of small letters, digits and `-`');
  need('title', typeof title === 'string' && title !== '', 'a non-empty string');
  need('host', typeof host === 'string' && URL.canParse(`https://${host}`), 'a host');
  need('options', isObject(options), 'an object');
  need('messageOptions', isObject(messageOptions), 'an object');
  const { form, ...parts } = (isObject(url) ? url : {}) as Partial<Record<string, unknown>>;
  const known = Object.values(parts).every((key) => Object.hasOwn(options as object, String(key)));
  const expected = '{ form, user, … }, each part the name of one of `options`';
  need('url', typeof form === 'string' && parts['user'] !== undefined && known, expected);
  const count = bulkSize === undefined || (Number.isInteger(bulkSize) && Number(bulkSize) >= 1);
  need('bulkSize', count, 'absent, or an integer of at least 1');
  need('load', typeof load === 'function', 'a function');
  return given as WebApiManifest;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
