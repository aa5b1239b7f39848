export interface SendGridFault {
  readonly message: string;
  readonly field: string | null;
  readonly help: string | null;
}

export interface SendGridAddress {
  readonly email: string;
  readonly name?: string;
}

/** A body that passed the rules, as far as the samples and tests look into it. */
export interface SendGridMail {
  readonly personalizations: readonly {
    readonly to: readonly SendGridAddress[];
    readonly cc?: readonly SendGridAddress[];
    readonly bcc?: readonly SendGridAddress[];
  }[];
  readonly from: SendGridAddress;
  readonly reply_to?: SendGridAddress;
  readonly reply_to_list?: readonly SendGridAddress[];
  readonly subject: string;
  readonly content: readonly { readonly type: string; readonly value: string }[];
  readonly attachments?: readonly {
    readonly content: string;
    readonly filename: string;
    readonly type?: string;
    readonly disposition?: 'inline' | 'attachment';
    readonly content_id?: string;
  }[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly categories?: readonly string[];
  readonly custom_args?: Readonly<Record<string, string>>;
  readonly send_at?: number;
  readonly mail_settings?: { readonly sandbox_mode?: { readonly enable?: boolean } };
}
