/**
 * Compiled, never run: a transport's options are those of its provider, and a message's those of the providers
 * that there are. Every `@ts-expect-error` fails the compilation where the compiler has nothing to object.
 */
import { expectTypeOf } from 'expect-type';
import {
  createTransport,
  type MailMessage,
  type MailTransportConfig,
  type WebApiTransportOptions,
} from 'nestjs-mail-relay';

/** As a provider of one's own declares them. */
declare module 'nestjs-mail-relay' {
  interface MailProviderTransports {
    readonly pigeon: { readonly loft: string; readonly ring?: boolean };
  }
  interface MailProviderOptions {
    readonly pigeon?: { readonly feather?: 'white' | 'grey' };
  }
}

type OptionsOf<Name> = Extract<WebApiTransportOptions, { readonly provider: Name }>;
// What an editor completes.
expectTypeOf<OptionsOf<'sendgrid'>>().toHaveProperty('apiKey');
expectTypeOf<OptionsOf<'sendgrid'>>().toHaveProperty('sandbox');
expectTypeOf<OptionsOf<'sendgrid'>>().toHaveProperty('connections');
expectTypeOf<OptionsOf<'postmark'>>().not.toHaveProperty('sandbox');
expectTypeOf<OptionsOf<'pigeon'>>().toHaveProperty('loft').toEqualTypeOf<string>();
expectTypeOf<OptionsOf<'pigeon'>>().toHaveProperty('timeoutMs');

export const transports: MailTransportConfig[] = [
  { type: 'web-api', provider: 'sendgrid', apiKey: 'SG.x', sandbox: true, connections: 4 },
  { type: 'web-api', provider: 'postmark', apiKey: 'x', timeoutMs: 5_000 },
  { type: 'web-api', provider: 'pigeon', loft: 'north', ring: true },
  // @ts-expect-error an option of another provider
  { type: 'web-api', provider: 'postmark', apiKey: 'x', sandbox: true },
  // @ts-expect-error an option that none has
  { type: 'web-api', provider: 'sendgrid', apiKey: 'SG.x', apikey: 'SG.x' },
  // @ts-expect-error an option of another type
  { type: 'web-api', provider: 'sendgrid', apiKey: 'SG.x', sandbox: 'yes' },
  // @ts-expect-error the key is missing
  { type: 'web-api', provider: 'sendgrid' },
  // @ts-expect-error a provider that is not there
  { type: 'web-api', provider: 'sendgird', apiKey: 'SG.x' },
  // @ts-expect-error an option of a provider of one's own is missing
  { type: 'web-api', provider: 'pigeon' },
  // @ts-expect-error an option of SMTP's
  { type: 'web-api', provider: 'sendgrid', apiKey: 'SG.x', host: 'smtp.example.com' },
];
createTransport(transports[0]);

const to = 'jo@example.com';
export const messages: MailMessage[] = [
  { to, text: '', providerOptions: { sendgrid: { asm: { groupId: 7 } } } },
  { to, text: '', providerOptions: { pigeon: { feather: 'white' } } },
  // @ts-expect-error an option that the provider does not have
  { to, text: '', providerOptions: { sendgrid: { asmm: {} } } },
  // @ts-expect-error a value that it does not take
  { to, text: '', providerOptions: { pigeon: { feather: 'red' } } },
];
