import { createPublicKey, type KeyObject } from 'node:crypto';
import { MailConfigurationError } from '../base/errors.js';
import { describe, OptionReader } from '../base/option-reader.js';

/** What `MailWebhooksModule.forRoot` takes and what the factory of `forRootAsync` answers. */
export interface MailWebhooksOptions {
  /** SendGrid's verification key of the signed event webhook: base64 as its settings page shows it, or PEM. */
  readonly publicKey: string;
  /**
   * How far a request's own time may be from ours, either way, in milliseconds; older ones could be
   * repeats of a stranger's. Default 600,000 (10 min), minimum 1,000.
   */
  readonly toleranceMs?: number;
  /** How many ids of events are remembered, so that a repeat is not told again. Default 100,000, minimum 1. */
  readonly rememberedEvents?: number;
}

/** Choices that shape the module; static also for `forRootAsync`. */
export interface MailWebhooksExtras {
  /** Path of the endpoint, which takes POST. Default `webhooks/sendgrid`. */
  readonly path?: string;
  /** Name of the MailModule whose `events$` tells the events. Default: the unnamed one. */
  readonly mailer?: string;
  /**
   * Put on the endpoint's handler: what tells the app's global guards that it is public, as
   * `[SetMetadata('isPublic', true)]`. Who calls is checked by the signature. Default: none.
   */
  readonly decorators?: readonly MethodDecorator[];
}

/** A class for `useClass` or `useExisting` of `forRootAsync`. */
export interface MailWebhooksOptionsFactory {
  createMailWebhooksOptions(): MailWebhooksOptions | Promise<MailWebhooksOptions>;
}

export interface ResolvedWebhooksOptions {
  readonly key: KeyObject;
  readonly toleranceMs: number;
  readonly rememberedEvents: number;
}

export const WEBHOOKS_DEFAULTS = {
  path: 'webhooks/sendgrid',
  toleranceMs: 600_000,
  rememberedEvents: 100_000,
} as const;

/** @throws MailConfigurationError */
export function readWebhooksOptions(raw: unknown): ResolvedWebhooksOptions {
  const reader = new OptionReader('', raw, ['publicKey', 'toleranceMs', 'rememberedEvents']);
  const { toleranceMs, rememberedEvents } = WEBHOOKS_DEFAULTS;
  return {
    key: readKey(reader.raw('publicKey')),
    toleranceMs: reader.integer('toleranceMs', toleranceMs, { min: 1000 }),
    rememberedEvents: reader.integer('rememberedEvents', rememberedEvents, { min: 1 }),
  };
}

/** @throws MailConfigurationError */
export function readDecorators({ decorators }: MailWebhooksExtras): readonly MethodDecorator[] {
  // JavaScript may hand in anything.
  const given: unknown = decorators ?? [];
  if (Array.isArray(given) && given.every((one) => typeof one === 'function')) {
    return given as MethodDecorator[];
  }
  const got = Array.isArray(given) ? 'an array with something else' : describe(given);
  throw new MailConfigurationError('decorators', 'an array of decorators', got);
}

function readKey(raw: unknown): KeyObject {
  const expected = 'an ECDSA P-256 public key (base64 SPKI DER, or PEM)';
  if (typeof raw !== 'string' || raw.trim() === '') {
    throw new MailConfigurationError('publicKey', expected, 'no string, or an empty one');
  }
  let key: KeyObject | undefined;
  try {
    key = raw.includes('-----BEGIN PUBLIC KEY-----')
      ? createPublicKey(raw)
      : createPublicKey({ key: Buffer.from(raw, 'base64'), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new MailConfigurationError('publicKey', expected, 'a string that is none', { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw new MailConfigurationError('publicKey', expected, 'a key of another kind');
}
