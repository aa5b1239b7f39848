import { entryMail, type MailBulkEntry } from '../../../message/bulk.js';
import type { Mail } from '../../../message/mail.js';
import { headersOf } from '../mail-headers.js';
import type { WebApiFault, WebApiResponse } from '../web-api.provider.js';
import { toSendGridBody } from './sendgrid-body.js';
import { findLimit, MAX_BODY_BYTES, type SendGridLimit } from './sendgrid-limits.js';
import { MAX_SUBSTITUTIONS_BYTES, type SendGridExtras } from './sendgrid-options.js';
import { MAX_PERSONALIZATIONS } from './sendgrid.options.js';
import { toAddress, type Personalization } from './sendgrid-personalizations.js';
import { utf8Size } from './sendgrid-read.js';
import { faultOf, readErrors } from './sendgrid-response.js';

/** The first thing of one recipient's part that SendGrid would refuse, if any. */
export function findEntryLimit(
  shared: Mail,
  entry: MailBulkEntry,
  now: number,
  options: SendGridExtras,
): SendGridLimit | undefined {
  if (options.personalizations) {
    return { field: 'providerOptions.sendgrid.personalizations', limit: 'not in a bulk message' };
  }
  const { substitutions } = personalizationOf(shared, entry, options);
  if (substitutions && utf8Size(substitutions) > MAX_SUBSTITUTIONS_BYTES) {
    return { field: 'context', limit: `at most ${MAX_SUBSTITUTIONS_BYTES} bytes where it is used` };
  }
  return findLimit(entryMail(shared, entry), now, options);
}

/**
 * A body with a personalization for as many of the first entries as SendGrid takes at once; none where
 * the first alone is too large for one, `undefined` where all that they share is.
 */
export function toBulkBody(
  shared: Mail,
  entries: readonly MailBulkEntry[],
  now: number,
  sandbox: boolean,
  options: SendGridExtras,
): { body?: Buffer; taken: number } | undefined {
  const own = { personalizations: undefined, headers: undefined, custom_args: undefined };
  const rest = { ...toSendGridBody(shared, now, sandbox, options), ...own };
  const end = JSON.stringify(rest).slice(1);
  const parts: string[] = [];
  let size = Buffer.byteLength(end) + 32;
  if (size >= MAX_BODY_BYTES) return undefined;
  for (const entry of entries.slice(0, MAX_PERSONALIZATIONS)) {
    const part = JSON.stringify(personalizationOf(shared, entry, options));
    size += Buffer.byteLength(part) + 1;
    if (size >= MAX_BODY_BYTES) break;
    parts.push(part);
  }
  if (parts.length === 0) return { taken: 1 };
  const body = Buffer.from(`{"personalizations":[${parts.join(',')}],${end}`);
  return { body, taken: parts.length };
}

/**
 * All headers and custom arguments stand in each one: SendGrid does not say that it would merge those
 * of the whole request with its own.
 */
function personalizationOf(
  shared: Mail,
  entry: MailBulkEntry,
  { body: { template_id: template }, personal }: SendGridExtras,
): Personalization {
  const mail = entryMail(shared, entry);
  const headers = headersOf(mail).map(({ name, value }) => [name, value]);
  return {
    to: [toAddress(entry.to)],
    headers: Object.fromEntries(headers) as Record<string, string>,
    ...(template?.startsWith('d-') === true
      ? { dynamic_template_data: { ...personal.dynamic_template_data, ...entry.context } }
      : substitutionsOf(entry, template, personal)),
    ...(Object.keys(entry.metadata).length > 0 && { custom_args: entry.metadata }),
  };
}

/** A legacy template's tags are the caller's own, so the context's names stand for themselves. */
function substitutionsOf(
  entry: MailBulkEntry,
  template: string | undefined,
  personal: SendGridExtras['personal'],
): Pick<Personalization, 'substitutions'> {
  const texts = template === undefined ? [] : Object.entries(entry.context);
  const substitutions = {
    ...personal.substitutions,
    ...Object.fromEntries(texts.map(([name, value]) => [name, toText(value)])),
    ...entry.substitutions,
  };
  return Object.keys(substitutions).length > 0 ? { substitutions } : {};
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * What a refusal of the whole request means for each entry. SendGrid takes all or nothing; where it
 * names the entries at fault, the others go again without them.
 */
export function bulkFaults(
  response: WebApiResponse,
  count: number,
): readonly (WebApiFault | 'again')[] {
  const fault = faultOf(response);
  const everyone = Array.from({ length: count }, () => fault);
  if (response.status !== 400) return everyone;
  const errors = readErrors(response.body);
  const places = errors.map(({ field }) => /^personalizations[.[](\d+)/.exec(field ?? '')?.[1]);
  const guilty = new Set(places.map(Number));
  const allNamed = [...guilty].every((place) => place < count);
  if (errors.length === 0 || !allNamed) return everyone;
  return everyone.map((_, index) => (guilty.has(index) ? fault : 'again'));
}
