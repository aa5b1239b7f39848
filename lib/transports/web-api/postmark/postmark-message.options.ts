/** What only Postmark knows of a mail (https://postmarkapp.com/developer/api/email-api). */
export interface PostmarkMessageOptions {
  /** Default: the server's transactional stream, `outbound`. */
  readonly messageStream?: string;
  readonly trackOpens?: boolean;
  readonly trackLinks?: 'None' | 'HtmlAndText' | 'HtmlOnly' | 'TextOnly';
}

declare module '../../../message/provider-options.js' {
  interface MailProviderOptions {
    readonly postmark?: PostmarkMessageOptions;
  }
}
