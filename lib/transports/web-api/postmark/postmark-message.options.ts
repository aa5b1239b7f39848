/** What only Postmark knows of a mail (https://postmarkapp.com/developer/api/email-api). */
export interface PostmarkMessageOptions {
  /** Default: the server's transactional stream, `outbound`. */
  readonly messageStream?: string;
  readonly trackOpens?: boolean;
  readonly trackLinks?: 'None' | 'HtmlAndText' | 'HtmlOnly' | 'TextOnly';
}

/** The keys of PostmarkMessageOptions, for the reader, and a line on each for the documentation. */
export const POSTMARK_MESSAGE_OPTIONS: Readonly<Record<keyof PostmarkMessageOptions, string>> = {
  messageStream: 'the stream to send by; default the server’s transactional one, `outbound`',
  trackOpens: 'whether opens are tracked',
  trackLinks: '`None`, `HtmlAndText`, `HtmlOnly` or `TextOnly`',
};

declare module '../../../message/provider-options.js' {
  interface MailProviderOptions {
    readonly postmark?: PostmarkMessageOptions;
  }
}
