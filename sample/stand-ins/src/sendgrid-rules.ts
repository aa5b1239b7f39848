import { checkAttachments, checkContent } from './sendgrid-content-rules.js';
import { FaultList, isObject, isText, type Json } from './sendgrid-faults.js';
import type { SendGridFault } from './sendgrid-mail.js';

/**
 * SendGrid's rules for the body of `POST /v3/mail/send`, by its OpenAPI description and its list of
 * errors (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors), in its words where
 * it publishes them. Stricter in one thing: a key that the description does not know is refused.
 */

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

/** Every fault of a body; none means that SendGrid would take it. `now` is in milliseconds. */
export function checkMailSend(body: unknown, now = Date.now()): SendGridFault[] {
  const check = new MailSendCheck();
  if (isObject(body)) check.mail(body, now);
  else check.fault('Bad Request', null);
  return check.faults;
}

class MailSendCheck extends FaultList {
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
    if (mail['template_id'] === undefined) checkContent(this, mail['content']);
    if (mail['attachments'] !== undefined) checkAttachments(this, mail['attachments']);
    if (mail['headers'] !== undefined) this.headers(mail['headers'], 'headers');
    if (mail['categories'] !== undefined) this.categories(mail['categories']);
    if (mail['custom_args'] !== undefined) this.customArgs(mail['custom_args'], 'custom_args');
    if (mail['send_at'] !== undefined) this.sendAt(mail['send_at'], now);
    if (mail['mail_settings'] !== undefined) this.mailSettings(mail['mail_settings']);
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
    if (
      typeof email !== 'string' ||
      !/^(?:[!-?A-~]{1,64}|"[ -~]{1,62}")@[a-z0-9.[\]:-]{1,255}$/i.test(email)
    ) {
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
