/** Options of a transport over SendGrid's API. */
export interface SendGridTransportOptions {
  /** A key with the scope `mail.send`. */
  readonly apiKey: string;
  /** Checks the mail, answers 200 and sends nothing. Default false. */
  readonly sandbox?: boolean;
  /** The subuser, or `account-id …`, to send for (its header `on-behalf-of`). Default: none. */
  readonly onBehalfOf?: string;
}

/** What `onBehalfOf` has to be: it becomes an HTTP header. */
export const SUBUSER = 'a subuser’s name in ASCII';

/** Personalizations of one request at most. */
export const MAX_PERSONALIZATIONS = 1000;

declare module '../web-api.manifest.js' {
  interface MailProviderTransports {
    readonly sendgrid: SendGridTransportOptions;
  }
}
