import type { Type } from '@nestjs/common';
import { MailConfigurationError, MailValidationError } from '../base/errors.js';
import type { MailInterceptor } from '../interceptors/mail-interceptor.js';
import { readRedirect, type MailRedirect, type MailRedirectOptions } from '../message/redirect.js';
import { DEFAULT_CONTENT_TIMEOUT_MS, type ContentAllowance } from '../message/content/content.js';
import { originOf } from '../message/content/content-url.js';
import { createMail } from '../message/create-mail.js';
import type { MailMessageFields } from '../message/message.js';
import { show } from '../message/text.js';
import { DEFAULT_MAX_BYTES } from '../message/read/size-meter.js';
import { describe, OptionReader } from '../base/option-reader.js';
import { conceal } from '../base/secret.js';
import {
  readTemplatesOptions,
  type ResolvedTemplatesOptions,
  type TemplatesOptions,
} from '../templates/templates.options.js';
import type { MailRelayDefinition } from '../relay/relay-definition.js';
import type { MailTransportConfig, WebApiManifest } from '../transports/transport.factory.js';

export interface MailShutdownOptions {
  /**
   * How long mail in flight may take to finish once the app shuts down, in milliseconds; the rest is
   * aborted and named. Default 10,000, minimum 0.
   */
  readonly drainTimeoutMs?: number;
}

/** What `MailModule.forRoot` takes and what the factory of `forRootAsync` answers. */
export interface MailModuleOptions {
  /** The transport to the next hop: options, a URL, or an object of the MailTransport contract. */
  readonly transport: MailTransportConfig;
  /** Web API providers of one's own: manifests, each of which `transport` may name. Default: none. */
  readonly providers?: readonly WebApiManifest[];
  /** Fields that a message without them gets. `headers`, `tags`, `metadata` and `providerOptions` are merged. */
  readonly defaults?: Partial<MailMessageFields>;
  /** Which files and origins `path` and `href` of an attachment may name. Default: none. */
  readonly content?: ContentAllowance;
  /** Largest message, bodies and attachments as encoded, in bytes. Default 26,214,400 (25 MiB), minimum 1,024. */
  readonly maxMessageBytes?: number;
  readonly shutdown?: MailShutdownOptions;
  /** Where templates are and how they are filled. Default: none. */
  readonly templates?: TemplatesOptions;
  /** Sends mail to other people than it is for; for staging systems. Default: none. */
  readonly redirect?: MailRedirectOptions;
}

/** Choices that shape the module's providers; static also for `forRootAsync`. */
export interface MailModuleExtras {
  /** Makes the MailService injectable everywhere without importing the module again. Default false. */
  readonly isGlobal?: boolean;
  /** Names this instance; inject it with `@InjectMail(name)`. Default: the unnamed one. */
  readonly name?: string;
  /**
   * Store mail durably before `send` answers, and deliver it from there: `spoolRelay({ path })` of
   * `nestjs-mail-relay/spool`, for one. Default: none, `send` waits for the next hop.
   */
  readonly relay?: MailRelayDefinition;
  /** Classes that see every message first, in this order; made by Nest. Default: none. */
  readonly interceptors?: readonly Type<MailInterceptor>[];
}

/** A class for `useClass` or `useExisting` of `forRootAsync`. */
export interface MailOptionsFactory {
  createMailOptions(): MailModuleOptions | Promise<MailModuleOptions>;
}

export const MAIL_DEFAULTS = {
  maxMessageBytes: DEFAULT_MAX_BYTES,
  contentTimeoutMs: DEFAULT_CONTENT_TIMEOUT_MS,
  drainTimeoutMs: 10_000,
} as const;

/** Options after checking; the transport is checked where it is made. */
export interface ResolvedMailOptions {
  readonly transport: unknown;
  readonly providers?: readonly WebApiManifest[];
  readonly defaults?: Partial<MailMessageFields>;
  readonly content?: ContentAllowance;
  readonly maxMessageBytes: number;
  readonly drainTimeoutMs: number;
  readonly templates?: ResolvedTemplatesOptions;
  readonly redirect?: MailRedirect;
}

const KNOWN = [
  'transport',
  'providers',
  'defaults',
  'content',
  'maxMessageBytes',
  'shutdown',
  'templates',
  'redirect',
];

const STATIC = (key: string) =>
  `\`${key}\` shapes the module: give it to \`forRootAsync\` beside \`useFactory\`, not in what the factory returns`;
const OF_TRANSPORT = (key: string) => `It belongs to the transport: \`transport: { …, ${key} }\``;
const OF_DEFAULTS = (key: string) => `It is a field of messages: \`defaults: { ${key} }\``;

const by = (advice: (key: string) => string, keys: readonly string[]): Record<string, string> =>
  Object.fromEntries(keys.map((key) => [key, advice(key)]));

/** Options that are often looked for here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...by(STATIC, ['relay', 'interceptors', 'name', 'isGlobal']),
  ...by(OF_TRANSPORT, ['type', 'host', 'port', 'secure', 'auth', 'pool', 'dkim', 'apiKey', 'tls']),
  ...by(OF_DEFAULTS, ['from', 'replyTo', 'headers', 'tags', 'metadata']),
  transports: "A route is a transport: `transport: { type: 'route', strategy, transports }`",
  template: 'Use `templates: { dir }`',
  retry: 'It belongs to the relay: `relay: spoolRelay({ path, retry })`',
  drainTimeoutMs: 'Use `shutdown: { drainTimeoutMs }`',
};

/** @throws MailConfigurationError */
export function readMailOptions(raw: unknown): ResolvedMailOptions {
  const reader = new OptionReader('', raw, KNOWN, ELSEWHERE);
  if (reader.raw('transport') === undefined) {
    reader.fail('transport', 'an object or a URL');
  }
  const shutdown = reader.nested('shutdown', ['drainTimeoutMs']);
  const resolved: ResolvedMailOptions = {
    transport: reader.raw('transport'),
    // Checked with the transport, where they are made out.
    providers: reader.raw('providers') as readonly WebApiManifest[] | undefined,
    defaults: readDefaults(reader.raw('defaults')),
    content: readContent(reader),
    maxMessageBytes: reader.integer('maxMessageBytes', MAIL_DEFAULTS.maxMessageBytes, {
      min: 1024,
    }),
    drainTimeoutMs: shutdown.integer('drainTimeoutMs', MAIL_DEFAULTS.drainTimeoutMs, { min: 0 }),
    templates: readTemplates(reader),
    redirect:
      reader.raw('redirect') === undefined
        ? undefined
        : readRedirect('redirect', reader.raw('redirect')),
  };
  // Passwords and keys are in it, as they were given.
  return conceal(resolved, 'transport');
}

/** Defaults go through the same door as a message, so that a bad one stops the app and not each mail. */
function readDefaults(raw: unknown): Partial<MailMessageFields> | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new MailConfigurationError('defaults', 'an object', describe(raw));
  }
  const defaults = raw as Partial<MailMessageFields>;
  const probe = { from: 'probe@example.com', to: 'probe@example.com', text: '', ...defaults };
  try {
    createMail(probe);
  } catch (error) {
    if (!(error instanceof MailValidationError)) throw error;
    const issue = error.issues[0];
    throw new MailConfigurationError(
      `defaults.${issue?.path ?? ''}`,
      'valid in a message',
      issue ? `a bad value (${issue.problem}. ${issue.fix})` : 'a bad value',
      { cause: error },
    );
  }
  return defaults;
}

function readTemplates(reader: OptionReader): ResolvedTemplatesOptions | undefined {
  const raw = reader.raw('templates');
  return raw === undefined ? undefined : readTemplatesOptions('templates', raw);
}

function readContent(reader: OptionReader): ContentAllowance | undefined {
  if (reader.raw('content') === undefined) return undefined;
  const content = reader.nested('content', ['paths', 'origins', 'maxBytes', 'timeoutMs']);
  return {
    paths: readStrings(content, 'paths'),
    origins: readOrigins(content),
    maxBytes: content.integer('maxBytes', MAIL_DEFAULTS.maxMessageBytes, { min: 1 }),
    timeoutMs: content.integer('timeoutMs', MAIL_DEFAULTS.contentTimeoutMs, { min: 1 }),
  };
}

/** A path would look like a bound, and be none: all of the origin may be fetched from. */
function readOrigins(reader: OptionReader): readonly string[] {
  return readStrings(reader, 'origins').map((text, index) => {
    const origin = originOf(text);
    if (origin !== undefined) return origin;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const fix =
      url && url.origin !== 'null' ? `; write \`${url.origin}\`, which allows all of it` : '';
    throw new MailConfigurationError(
      `${reader.pathOf('origins')}[${index}]`,
      `an origin as \`https://cdn.example.com\`, without path, query and user${fix}`,
      show(url ? url.origin + url.pathname : text),
    );
  });
}

function readStrings(reader: OptionReader, key: string): readonly string[] {
  const list = reader.raw(key) ?? [];
  const good = (item: unknown): item is string => typeof item === 'string' && item !== '';
  return Array.isArray(list) && list.every(good)
    ? list
    : reader.fail(key, 'an array of non-empty strings');
}
