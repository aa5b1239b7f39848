/** Options of a transport over Postmark's API. */
export interface PostmarkTransportOptions {
  /** The server token. */
  readonly apiKey: string;
}

/** Mails of one batch at most, by its page on the email API. */
export const MAX_BATCH = 500;

declare module '../web-api.manifest.js' {
  interface MailProviderTransports {
    readonly postmark: PostmarkTransportOptions;
  }
}
