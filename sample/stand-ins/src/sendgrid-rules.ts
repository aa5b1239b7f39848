/**
 * SendGrid's rules for the body of `POST /v3/mail/send`, by its OpenAPI description and its list of
 * errors (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors), in its words where
 * it publishes them. Stricter in one thing: a key that the description does not know is refused.
 */

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

const HELP = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.';
const MAX_SCHEDULE_S = 72 * 3600;
const RESERVED_HEADERS = new Set(
  (
    'x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding ' +
    'to from subject reply-to cc bcc'
  ).split(' '),
);
const TOP_KEYS = (
  'personalizations from reply_to reply_to_list subject content attachments template_id headers ' +
  'categories custom_args send_at batch_id asm ip_pool_name mail_settings tracking_settings sections'
).split(' ');
const PERSONALIZATION_KEYS =
  'from to cc bcc subject headers substitutions dynamic_template_data custom_args send_at'.split(
    ' ',
  );

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Every fault of a body; none means that SendGrid would take it. `now` is in milliseconds. */
export function checkMailSend(body: unknown, now = Date.now()): SendGridFault[] {
  const check = new MailSendCheck();
  if (isObject(body)) check.mail(body, now);
  else check.fault('Bad Request', null);
  return check.faults;
}

class MailSendCheck {
  readonly faults: SendGridFault[] = [];

  fault(message: string, field: string | null, help = field): void {
    this.faults.push({ message, field, help: help === null ? null : HELP + help });
  }

  mail(mail: Json, now: number): void {
    this.keys(mail, TOP_KEYS, '');
    this.personalizations(mail['personalizations']);
    this.address(mail['from'], 'from');
    if (mail['reply_to'] !== undefined) this.address(mail['reply_to'], 'reply_to');
    if (mail['reply_to_list'] !== undefined) {
      if (mail['reply_to'] !== undefined) {
        this.fault('Both reply_to and reply_to_list must not be used.', 'reply_to');
      }
      this.addresses(mail['reply_to_list'], 'reply_to_list', { max: 1000 });
    }
    if (!isText(mail['subject']) && mail['template_id'] === undefined) {
      this.fault(
        'The subject is required. You can get around this requirement if you use a template with ' +
          'a subject defined or if every personalization has a subject defined.',
        'subject',
      );
    }
    if (mail['template_id'] === undefined) this.content(mail['content']);
    if (mail['attachments'] !== undefined) this.attachments(mail['attachments']);
    if (mail['headers'] !== undefined) this.headers(mail['headers'], 'headers');
    if (mail['categories'] !== undefined) this.categories(mail['categories']);
    if (mail['custom_args'] !== undefined) this.customArgs(mail['custom_args'], 'custom_args');
    if (mail['send_at'] !== undefined) this.sendAt(mail['send_at'], now);
    if (mail['mail_settings'] !== undefined) this.mailSettings(mail['mail_settings']);
  }

  private keys(value: Json, known: readonly string[], path: string): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      this.fault(`Additional property ${key} is not allowed`, path + key, null);
    }
  }

  private personalizations(value: unknown): void {
    if (!Array.isArray(value) || value.length === 0) {
      this.fault(
        'The personalizations field is required and must have at least one personalization.',
        'personalizations',
      );
      return;
    }
    if (value.length > 1000) {
      this.fault(
        'The personalization block is limited to 1000 personalizations per API request. You have ' +
          `provided ${value.length} personalizations. Please consider splitting this into multiple ` +
          'requests and resending your request.',
        'personalizations',
      );
    }
    let recipients = 0;
    value.forEach((item: unknown, index) => {
      const path = `personalizations.${index}`;
      if (!isObject(item)) {
        this.fault('Bad Request', path, null);
        return;
      }
      this.keys(item, PERSONALIZATION_KEYS, `${path}.`);
      recipients += this.recipients(item, path);
    });
    if (recipients > 1000) {
      this.fault(
        'There is a limit of 1000 total recipients (to + cc + bcc) per request.',
        'personalizations',
      );
    }
  }

  private recipients(item: Json, path: string): number {
    if (!Array.isArray(item['to']) || item['to'].length === 0) {
      this.fault(
        'The to array is required for all personalization objects, and must have at least one ' +
          'email object with a valid email address.',
        `${path}.to`,
        'personalizations.to',
      );
      return 0;
    }
    const seen = new Set<string>();
    let count = 0;
    for (const field of ['to', 'cc', 'bcc']) {
      if (item[field] === undefined) continue;
      const emails = this.addresses(item[field], `${path}.${field}`, { plainNames: true });
      count += emails.length;
      for (const email of emails) {
        if (seen.has(email.toLowerCase())) {
          this.fault(
            'Each email address in the personalization block should be unique between to, cc, and ' +
              `bcc. We found the first duplicate instance of [${email}] in the ${path}.${field} field.`,
            path,
            'recipient-errors',
          );
          return count;
        }
        seen.add(email.toLowerCase());
      }
    }
    return count;
  }

  private addresses(
    value: unknown,
    path: string,
    rules: { max?: number; plainNames?: boolean },
  ): string[] {
    if (!Array.isArray(value) || value.length === 0 || value.length > (rules.max ?? Infinity)) {
      this.fault(`The ${path} parameter must be an array of email objects.`, path, null);
      return [];
    }
    return value.map((item: unknown, index) => {
      this.address(item, `${path}.${index}`, rules.plainNames);
      return isObject(item) ? String(item['email']) : '';
    });
  }

  private address(value: unknown, path: string, plainName = false): void {
    if (!isObject(value)) {
      this.fault(
        `The ${path} object must be provided for every email send. It is an object that requires ` +
          'the email parameter, but may also contain a name parameter.',
        `${path}.email`,
        path,
      );
      return;
    }
    this.keys(value, ['email', 'name'], `${path}.`);
    const email = value['email'];
    // SendGrid takes no Unicode in an address; its own check is not published beyond that.
    if (typeof email !== 'string' || !/^[!-~]{1,64}@[a-z0-9.[\]:-]{1,255}$/i.test(email)) {
      this.fault(
        path === 'from'
          ? 'The from email does not contain a valid address.'
          : 'Does not contain a valid address.',
        `${path}.email`,
        path,
      );
    }
    const name = value['name'];
    if (name === undefined) return;
    if (typeof name !== 'string' || /[\r\n]/.test(name) || (plainName && /[;,]/.test(name))) {
      this.fault('The name cannot contain ; , or CRLF characters.', `${path}.name`, null);
    }
  }

  private content(value: unknown): void {
    if (!Array.isArray(value) || value.length === 0) {
      this.fault(
        'Unless a valid template_id is provided, the content parameter is required. There must be ' +
          'at least one defined content block. We typically suggest both text/plain and text/html ' +
          'blocks are included, but only one block is required.',
        'content',
      );
      return;
    }
    let last = -1;
    value.forEach((item: unknown, index) => {
      const path = `content.${index}`;
      if (!isObject(item)) {
        this.fault('Bad Request', path, null);
        return;
      }
      this.keys(item, ['type', 'value'], `${path}.`);
      if (!isText(item['value'])) {
        this.fault(
          'The content value must be a string at least one character in length.',
          `${path}.value`,
          'content.value',
        );
      }
      this.mediaType(item['type'], 'content', path);
      // AMP stands before html, as its specification recommends and SendGrid's page says.
      const order = ['text/plain', 'text/x-amp-html', 'text/html'];
      const place = order.indexOf(String(item['type']));
      const rank = place === -1 ? order.length : place;
      if (rank < last || (rank === last && place !== -1)) {
        this.fault(
          'If present, text/plain and text/html may only be provided once. text/plain must be ' +
            'first, followed by text/html, followed by any other content.',
          'content',
        );
      }
      last = rank;
    });
  }

  /** One parameter is let through, and only for invitations: `text/calendar; method=REQUEST`. */
  private mediaType(value: unknown, kind: string, path: string): void {
    if (isText(value) && /^text\/calendar; ?method=[A-Z]+$/i.test(value)) return;
    if (isText(value) && !/[;,\r\n]/.test(value)) return;
    this.fault(
      `The ${kind} type cannot contain ';', or CRLF characters.`,
      `${path}.type`,
      `${kind}.type`,
    );
  }

  private attachments(value: unknown): void {
    if (!Array.isArray(value)) {
      this.fault('The attachments parameter must be an array.', 'attachments');
      return;
    }
    value.forEach((item: unknown, index) => {
      const path = `attachments.${index}`;
      if (!isObject(item)) {
        this.fault('Bad Request', path, null);
        return;
      }
      this.keys(
        item,
        ['content', 'type', 'filename', 'disposition', 'content_id', 'name'],
        `${path}.`,
      );
      const content = item['content'];
      if (
        !isText(content) ||
        !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?$/.test(content)
      ) {
        this.fault(
          'The attachment content must be base64 encoded.',
          `${path}.content`,
          'attachments.content',
        );
      }
      if (!isText(item['filename']) || /[\r\n]/.test(item['filename'])) {
        this.fault(
          'The filename of the attachment must be a string at least one character in length.',
          `${path}.filename`,
          'attachments.filename',
        );
      }
      if (item['type'] !== undefined) this.mediaType(item['type'], 'attachment', path);
      const disposition = item['disposition'];
      if (disposition !== undefined && disposition !== 'inline' && disposition !== 'attachment') {
        this.fault(
          'The disposition of your attachment can be either "inline" or "attachment".',
          `${path}.disposition`,
          'attachments.disposition',
        );
      }
      const id = item['content_id'];
      if (id !== undefined && (!isText(id) || /[;,\r\n]/.test(id))) {
        this.fault(
          "The content_id cannot contain ';', ',', or CRLF characters.",
          `${path}.content_id`,
          'attachments.content_id',
        );
      }
    });
  }

  private headers(value: unknown, path: string): void {
    if (!isObject(value)) {
      this.fault('The headers parameter must be an object.', path);
      return;
    }
    for (const [name, text] of Object.entries(value)) {
      if (RESERVED_HEADERS.has(name.toLowerCase())) {
        this.fault(
          `You cannot use the reserved header '${name}' in headers.`,
          `${path}.${name}`,
          path,
        );
      } else if (
        !/^[!-9;-~]+$/.test(name) ||
        typeof text !== 'string' ||
        !/^[ -~\t]*$/.test(text)
      ) {
        // "You must ensure these are properly encoded if they contain unicode characters."
        this.fault(
          `The header '${name}' is not a properly encoded string.`,
          `${path}.${name}`,
          path,
        );
      }
    }
  }

  private categories(value: unknown): void {
    const list: unknown[] = Array.isArray(value) ? value : [];
    if (list.length === 0 || !list.every((item) => typeof item === 'string')) {
      this.fault('The categories must be an array of strings.', 'categories');
      return;
    }
    if (list.length > 10) {
      this.fault('You cannot have more than 10 categories per request.', 'categories');
    }
    if (new Set(list).size !== list.length) {
      this.fault('You cannot insert the same category more than once.', 'categories');
    }
    if (list.some((item) => item.length > 255)) {
      this.fault('A category cannot have more than 255 characters.', 'categories');
    }
  }

  private customArgs(value: unknown, path: string): void {
    if (!isObject(value) || !Object.values(value).every((item) => typeof item === 'string')) {
      this.fault('Each custom_args entry must be a string.', path);
    } else if (Buffer.byteLength(JSON.stringify(value)) > 10_000) {
      this.fault('The custom_args must not exceed 10,000 bytes.', path);
    }
  }

  private sendAt(value: unknown, now: number): void {
    const seconds = Math.floor(now / 1000);
    if (!Number.isInteger(value)) {
      this.fault('The send_at parameter must be an integer unix timestamp.', 'send_at');
    } else if (Number(value) > seconds + MAX_SCHEDULE_S) {
      this.fault('Scheduling more than 72 hours in advance is forbidden.', 'send_at');
    }
  }

  private mailSettings(value: unknown): void {
    const sandbox = isObject(value) ? value['sandbox_mode'] : undefined;
    if (!isObject(value))
      this.fault('The mail_settings parameter must be an object.', 'mail_settings');
    else if (
      sandbox !== undefined &&
      !(isObject(sandbox) && typeof sandbox['enable'] === 'boolean')
    ) {
      this.fault(
        'The sandbox_mode enable parameter must be a boolean.',
        'mail_settings.sandbox_mode',
      );
    }
  }
}
