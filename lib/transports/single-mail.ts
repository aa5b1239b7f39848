import { MailDeliveryError } from '../base/errors.js';
import { fillMail, type MailBulkEntry } from '../message/bulk.js';
import type { Mail } from '../message/mail.js';
import { needsTemplate } from '../message/needs-template.js';

/**
 * The whole mail of one recipient of a bulk, for what sends one by one.
 * @throws MailDeliveryError where only the provider could fill it in
 */
export function singleMail(shared: Mail, entry: MailBulkEntry): Mail {
  if (!needsTemplate(shared)) return fillMail(shared, entry);
  throw new MailDeliveryError({
    code: 'MAIL_UNSUPPORTED',
    disposition: 'permanent',
    fault: 'message',
    stage: 'queue',
    message: 'This transport cannot fill in a provider’s template: give subject and text or html',
  });
}
