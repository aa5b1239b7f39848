import type { MailJson } from '../../../message/provider-options.js';

/**
 * What only SendGrid knows of a mail (https://www.twilio.com/docs/sendgrid/api-reference/mail-send).
 * Neutral names stand on the message: `tags` are its categories, `metadata` its custom arguments,
 * several `replyTo` its reply_to_list, `sendAt` its send_at.
 */
export interface SendGridMessageOptions {
  /** A template's id; one that begins with `d-` is dynamic. Its subject and content win over the mail's. */
  readonly templateId?: string;
  /** What a dynamic template fills in. Needs a `templateId` that begins with `d-`. */
  readonly dynamicTemplateData?: SendGridTemplateData;
  /** Tag → text, in subject, reply-to and content. 10,000 bytes at most; not with a dynamic template. */
  readonly substitutions?: Readonly<Record<string, string>>;
  /** Blocks of text that substitutions may name. */
  readonly sections?: Readonly<Record<string, string>>;
  /** Groups mails, so that their delivery can be paused or cancelled together. */
  readonly batchId?: string;
  readonly asm?: {
    /** The unsubscribe group. */
    readonly groupId: number;
    /** Groups on the preferences page, 25 at most. */
    readonly groupsToDisplay?: readonly number[];
  };
  /** 2 to 64 characters. */
  readonly ipPoolName?: string;
  readonly mailSettings?: SendGridMailSettings;
  readonly trackingSettings?: SendGridTrackingSettings;
  /** Several versions in one request, each with recipients of its own; together exactly to, cc and bcc. */
  readonly personalizations?: readonly SendGridPersonalization[];
  /** The subuser (or `account-id …`) to send for, in place of the transport's own option. */
  readonly onBehalfOf?: string;
}

export type SendGridTemplateData = Readonly<Record<string, MailJson | undefined>>;

export interface SendGridSwitch {
  readonly enable: boolean;
}

export interface SendGridMailSettings {
  /** To everybody, also who unsubscribed. Not together with another bypass. */
  readonly bypassListManagement?: SendGridSwitch;
  readonly bypassSpamManagement?: SendGridSwitch;
  readonly bypassBounceManagement?: SendGridSwitch;
  readonly bypassUnsubscribeManagement?: SendGridSwitch;
  readonly footer?: SendGridSwitch & { readonly text?: string; readonly html?: string };
  /** Checks and sends nothing. Only by the transport's option `sandbox`, so that no answer is misread. */
  readonly sandboxMode?: never;
}

export interface SendGridTrackingSettings {
  readonly clickTracking?: SendGridSwitch & { readonly enableText?: boolean };
  readonly openTracking?: SendGridSwitch & { readonly substitutionTag?: string };
  readonly subscriptionTracking?: SendGridSwitch & {
    readonly text?: string;
    readonly html?: string;
    readonly substitutionTag?: string;
  };
  readonly ganalytics?: SendGridSwitch & {
    readonly utmSource?: string;
    readonly utmMedium?: string;
    readonly utmTerm?: string;
    readonly utmContent?: string;
    readonly utmCampaign?: string;
  };
}

/** One version of the mail. Addresses are the mail's own, without names. */
export interface SendGridPersonalization {
  /** At least one. */
  readonly to: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  /** An address, in place of the mail's `from`. */
  readonly from?: string | { readonly name?: string; readonly address: string };
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly substitutions?: Readonly<Record<string, string>>;
  readonly dynamicTemplateData?: SendGridTemplateData;
  /** Over the mail's `metadata`, key by key. */
  readonly customArgs?: Readonly<Record<string, string>>;
  /** 72 hours ahead at most. */
  readonly sendAt?: Date | string;
}

/** The keys of SendGridMessageOptions, for the reader, and a line on each for the documentation. */
export const SENDGRID_MESSAGE_OPTIONS: Readonly<Record<keyof SendGridMessageOptions, string>> = {
  templateId: 'a template’s id; one that begins with `d-` is dynamic',
  dynamicTemplateData: 'what a dynamic template fills in',
  substitutions: 'tag → text, in subject, reply-to and content; 10,000 bytes at most',
  sections: 'blocks of text that substitutions may name',
  batchId: 'groups mails, so that their delivery can be paused or cancelled together',
  asm: '`{ groupId, groupsToDisplay }`: the unsubscribe group',
  ipPoolName: '2 to 64 characters',
  mailSettings: 'bypasses of its lists, and a footer',
  trackingSettings: 'tracking of clicks, opens and subscriptions, and Google Analytics',
  personalizations: 'several versions in one request, each with recipients of its own',
  onBehalfOf: 'the subuser to send for, in place of the transport’s own',
};

declare module '../../../message/provider-options.js' {
  interface MailProviderOptions {
    readonly sendgrid?: SendGridMessageOptions;
  }
}
