import type { MailFieldRules } from '../../message/mail-fields.js';
import type { MailProviderOptions } from '../../message/provider-options.js';
import type { OwnOption, OwnOptions } from './own-options.js';
import type { WebApiProvider } from './web-api.provider.js';

/**
 * The options of a transport that only one provider knows, under its name. Each provider's folder adds its
 * own here, one of somebody else's by `declare module 'nestjs-mail-relay'`.
 */
// An interface, so that others can add to it.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface MailProviderTransports {}

/** Where the API is, and the options of the provider's own, checked. */
export type ProviderSettings<Own extends object = object> = Own & { readonly baseUrl: URL };

/** What stands for which option in a URL. */
export interface ProviderUrl {
  /** As the documentation and errors write it: `acme://KEY@api.acme.example`. */
  readonly form: string;
  readonly user: string;
  /** Absent: a URL with a password is refused. */
  readonly password?: string;
  /** Absent: the host is the API's. */
  readonly host?: string;
  /** The first piece of the path. Absent: a URL with a path is refused. */
  readonly path?: string;
}

/**
 * What is known of a provider without its code. Options, URLs, the factory, errors and the documentation
 * read it; the code comes by `load`, once a transport over the provider is used.
 */
export interface WebApiManifest {
  /** Names it in options, in `providerOptions` and in names of transports; also the scheme of its URLs. */
  readonly name: string;
  /** How people write it: `SendGrid`. */
  readonly title: string;
  /** The API's host, with a port where it is not 443. */
  readonly host: string;
  /** Other hosts of the same API, and what each is for. */
  readonly otherHosts?: Readonly<Record<string, string>>;
  /** The host that options ask for, where it depends on them. */
  hostFor?(own: object): string;
  readonly url: ProviderUrl;
  /** Options of the transport that only this provider knows. */
  readonly options: Readonly<Record<string, OwnOption<unknown>>>;
  /** What a message may say under `providerOptions`, one line for the documentation each. */
  readonly messageOptions: Readonly<Record<string, string>>;
  /** How many mails of a bulk go into one request at most. Absent: each goes by itself. */
  readonly bulkSize?: number;
  /** The provider's code. */
  load(): Promise<ProviderCode>;
}

export interface ProviderCode {
  create(settings: ProviderSettings): WebApiProvider;
  /** What it does with each field of a mail: the reference's table. */
  readonly fields: MailFieldRules;
}

/** The manifest of a provider whose types are declared: none of its options can be forgotten. */
export interface ManifestOf<Name extends keyof MailProviderTransports> extends WebApiManifest {
  readonly name: Name;
  readonly url: ProviderUrl & {
    readonly user: keyof MailProviderTransports[Name];
    readonly password?: keyof MailProviderTransports[Name];
    readonly host?: keyof MailProviderTransports[Name];
    readonly path?: keyof MailProviderTransports[Name];
  };
  hostFor?(own: MailProviderTransports[Name]): string;
  readonly options: OwnOptions<MailProviderTransports[Name]>;
  readonly messageOptions: Readonly<
    Record<keyof NonNullable<MailProviderOptions[Name]> & string, string>
  >;
  load(): Promise<{
    create(settings: ProviderSettings<MailProviderTransports[Name]>): WebApiProvider;
    readonly fields: MailFieldRules;
  }>;
}
