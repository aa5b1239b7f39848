import type { MailFeedback, MailFeedbackKind } from '../events/mail-events.js';

const KINDS: Readonly<Record<string, MailFeedbackKind>> = {
  processed: 'processed',
  deferred: 'deferred',
  delivered: 'delivered',
  bounce: 'bounced',
  dropped: 'dropped',
  open: 'opened',
  click: 'clicked',
  spamreport: 'complained',
  unsubscribe: 'unsubscribed',
  group_unsubscribe: 'unsubscribed',
  group_resubscribe: 'resubscribed',
};

/** Its own fields; what is not among them are the mail's custom arguments, our `metadata`. */
const OWN = new Set(
  (
    'email timestamp event smtp-id sg_event_id sg_message_id category reason status type response ' +
    'attempt useragent ip url url_offset asm_group_id tls cert_err bounce_classification ' +
    'sg_machine_open sg_content_type sg_template_id sg_template_name pool newsletter send_at ' +
    'marketing_campaign_id marketing_campaign_name marketing_campaign_split_id ' +
    'marketing_campaign_version singlesend_id singlesend_name template_id phase_id outbound_ip ' +
    'outbound_ip_type mail_settings'
  ).split(' '),
);

export interface WebhookEvents {
  /** What is about a mail. */
  readonly events: readonly MailFeedback[];
  /** How many entries of the list are no events. */
  readonly unread: number;
}

/**
 * The events of a webhook's body; `undefined` where it is no list. One about the account
 * (`account_status_change`) names no recipient, and is passed over
 * (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). An entry that cannot be
 * read does not keep the others back: the provider would send all of them again for a day.
 * `receivedAt`, in milliseconds since the Unix epoch, is the time of an event that names none.
 */
export function readEvents(body: string, receivedAt: number): WebhookEvents | undefined {
  let list: unknown;
  try {
    list = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  const read = list.map((entry) => readEvent(entry, receivedAt));
  return {
    events: read.filter((event) => event !== undefined && event !== 'of the account'),
    unread: read.filter((event) => event === undefined).length,
  };
}

function readEvent(
  value: unknown,
  receivedAt: number,
): MailFeedback | 'of the account' | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (key: string): string | undefined => {
    const field = fields.get(key);
    if (typeof field === 'number') return String(field);
    return typeof field === 'string' && field !== '' ? field : undefined;
  };
  const event = text('event');
  const recipient = text('email');
  const seconds = Number(text('timestamp'));
  if (event === undefined) return undefined;
  if (recipient === undefined) return 'of the account';
  const named = Object.hasOwn(KINDS, event) ? KINDS[event]! : 'other';
  const metadata = [...fields].filter(([key, item]) => !OWN.has(key) && typeof item === 'string');
  const category = fields.get('category');
  const attempt = Number(text('attempt'));
  return {
    provider: 'sendgrid',
    // A block is a bounce that says nothing against the address.
    kind: named === 'bounced' && text('type') === 'blocked' ? 'blocked' : named,
    event,
    recipient,
    occurredAt: Number.isFinite(seconds) ? seconds * 1000 : receivedAt,
    tags: (Array.isArray(category) ? category : [category]).filter(
      (tag): tag is string => typeof tag === 'string',
    ),
    metadata: Object.fromEntries(metadata) as Record<string, string>,
    ...given('eventId', text('sg_event_id')),
    ...given('messageId', text('smtp-id')),
    // The X-Message-Id of the answer, and after a dot which of its servers had the mail.
    ...given('remoteId', text('sg_message_id')?.split('.')[0]),
    ...given('reason', text('reason') ?? text('response')),
    ...given('enhancedCode', text('status')),
    ...given('attempt', Number.isInteger(attempt) ? attempt : undefined),
    ...given('url', text('url')),
    ...given('userAgent', text('useragent')),
    ...given('ip', text('ip')),
    ...(fields.get('sg_machine_open') === true && { byMachine: true }),
  };
}

function given<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}
