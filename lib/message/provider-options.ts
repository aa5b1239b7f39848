/**
 * Settings that only one provider knows, under its name; every other transport passes them over. Each
 * provider's file adds its own type here. What a provider does not know it refuses before sending.
 */
// An interface, so that others can add to it.
// eslint-disable-next-line @typescript-eslint/consistent-indexed-object-style
export interface MailProviderOptions {
  readonly [provider: string]: object | undefined;
}

/** Plain data; a Date stands for its ISO 8601 form. */
export type MailJson =
  | string
  | number
  | boolean
  | Date
  | null
  | readonly MailJson[]
  | { readonly [key: string]: MailJson | undefined };
