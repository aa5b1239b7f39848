import { MailConfigurationError } from '../../../base/errors.js';
import type { Mail, MailAddress } from '../../../message/mail.js';
import { refusalBy } from '../../../message/mail-fields.js';
import { OptionReader } from '../../../base/option-reader.js';
import { headersOf } from '../mail-headers.js';
import { POSTMARK_MESSAGE_OPTIONS } from './postmark-message.options.js';
import { cannotCarry, type WebApiFault } from '../web-api.provider.js';
import { POSTMARK_FIELDS } from './postmark-fields.js';

/** By its pages on the email API and on metadata, and its support pages on error 300. */
const MAX_RECIPIENTS = 50;
const MAX_TAG_LENGTH = 1000;
const MAX_METADATA = { fields: 10, key: 20, value: 80 };
const MAX_TEXT_BYTES = 5 * 1024 * 1024;
/** One mail with its attachments. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;
const IN_ALL = ['attachments', 'at most 10 MB in all'] as const;
const TRACK_LINKS = ['None', 'HtmlAndText', 'HtmlOnly', 'TextOnly'] as const;

const refusalOf = refusalBy(POSTMARK_FIELDS);

function unsupported(field: string, limit: string): WebApiFault {
  return cannotCarry(`Postmark cannot carry \`${field}\` of this mail: ${limit}`);
}

export const TOO_LARGE = unsupported(...IN_ALL);

/** Every field of the mail, or what of it Postmark cannot carry. */
export function toBody(mail: Mail): Record<string, unknown> | WebApiFault {
  const limit = findLimit(mail);
  if (limit) return unsupported(...limit);
  try {
    return {
      From: written(mail.from),
      To: list(mail.to),
      ...(mail.cc.length > 0 && { Cc: list(mail.cc) }),
      ...(mail.bcc.length > 0 && { Bcc: list(mail.bcc) }),
      ...(mail.replyTo.length > 0 && { ReplyTo: list(mail.replyTo) }),
      Subject: mail.subject,
      ...(mail.text !== undefined && { TextBody: mail.text }),
      ...(mail.html !== undefined && { HtmlBody: mail.html }),
      ...(mail.tags.length > 0 && { Tag: mail.tags[0] }),
      ...(Object.keys(mail.metadata).length > 0 && { Metadata: mail.metadata }),
      Headers: [
        ...headersOf(mail).map(({ name, value }) => ({ Name: name, Value: value })),
        // Without it Postmark puts a Message-ID of its own in place of ours.
        { Name: 'X-PM-KeepID', Value: 'true' },
      ],
      ...(mail.attachments.length > 0 && { Attachments: mail.attachments.map(attachment) }),
      ...readOptions(mail),
    };
  } catch (error) {
    if (!(error instanceof MailConfigurationError)) throw error;
    return cannotCarry(error.message);
  }
}

/** The first thing of the mail that Postmark would refuse or change: its field, and the limit. */
function findLimit(mail: Mail): [field: string, limit: string] | undefined {
  const { envelope, to, cc, bcc, tags, metadata, text, html } = mail;
  const all = [...to, ...cc, ...bcc];
  const named = new Set(all.map(({ address }) => address));
  const refused = refusalOf(mail);
  if (refused) return [refused.field, refused.why];
  if (envelope.from !== mail.from.address) {
    return ['envelope.from', 'Postmark chooses the reverse-path itself'];
  }
  if (envelope.to.length !== named.size || !envelope.to.every((one) => named.has(one))) {
    return ['envelope.to', 'Postmark sends to exactly to, cc and bcc'];
  }
  if (to.length === 0) return ['to', 'Postmark needs at least one'];
  if (all.length > MAX_RECIPIENTS) return ['to', `at most ${MAX_RECIPIENTS} in to, cc and bcc`];
  const people = [mail.from, ...all, ...mail.replyTo];
  const foreign = people.find(({ address }) => !/^[!-~]+$/.test(address));
  if (foreign) return ['to', 'addresses in ASCII only'];
  if (!text && !html) return ['text', 'a text or html that is not empty'];
  for (const [field, value] of Object.entries({ text, html })) {
    if (value !== undefined && Buffer.byteLength(value) > MAX_TEXT_BYTES) return [field, '5 MB'];
  }
  if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > Date.now()) {
    return ['sendAt', 'Postmark sends at once'];
  }
  if (tags.length > 1) return ['tags', 'one tag'];
  if ((tags[0]?.length ?? 0) > MAX_TAG_LENGTH) return ['tags', `${MAX_TAG_LENGTH} characters`];
  const entries = Object.entries(metadata);
  const { fields, key: maxKey, value: maxValue } = MAX_METADATA;
  if (entries.length > fields) return ['metadata', `at most ${fields} fields`];
  if (new Set(entries.map(([key]) => key.toLowerCase())).size < entries.length) {
    return ['metadata', 'keys that differ in more than their case'];
  }
  const long = entries.find(([key, value]) => key.length > maxKey || value.length > maxValue);
  if (long) return ['metadata', `keys of ${maxKey} and values of ${maxValue} characters at most`];
  const bare = mail.attachments.findIndex(({ filename }) => !filename);
  if (bare >= 0) return [`attachments[${bare}].filename`, 'every attachment has a filename'];
  const odd = mail.attachments.findIndex(
    ({ cid, disposition }) => (disposition === 'inline') !== (cid !== undefined),
  );
  if (odd >= 0) return [`attachments[${odd}].contentDisposition`, 'inline with a cid, and only so'];
  // Before anything of them is encoded.
  const encoded = mail.attachments.map(({ content }) => Math.ceil(content.length / 3) * 4);
  if (encoded.reduce((sum, bytes) => sum + bytes, 0) > MAX_BODY_BYTES) return [...IN_ALL];
  const forged = headersOf(mail).find(
    ({ name, value }) => !/^[!-9;-~]+$/.test(name) || !/^[\t -~]*$/.test(value),
  );
  return forged && [`headers.${forged.name}`, 'no control characters in a header'];
}

/** @throws MailConfigurationError by the mail's `providerOptions.postmark` */
function readOptions(mail: Mail): Record<string, unknown> {
  const raw = mail.providerOptions?.postmark;
  const known = Object.keys(POSTMARK_MESSAGE_OPTIONS);
  const reader = new OptionReader('providerOptions.postmark', raw, known);
  const given = (key: string): boolean => reader.raw(key) !== undefined;
  return {
    ...(given('messageStream') && { MessageStream: reader.string('messageStream') }),
    ...(given('trackOpens') && { TrackOpens: reader.boolean('trackOpens', false) }),
    ...(given('trackLinks') && { TrackLinks: reader.oneOf('trackLinks', TRACK_LINKS) }),
  };
}

function written({ name, address }: MailAddress): string {
  return name ? `"${name.replace(/["\\]/g, '\\$&')}" <${address}>` : address;
}

function list(people: readonly MailAddress[]): string {
  return people.map(written).join(', ');
}

function attachment({ filename, content, contentType, cid }: Mail['attachments'][number]): object {
  return {
    Name: filename,
    Content: content.toString('base64'),
    ContentType: contentType,
    ...(cid !== undefined && { ContentID: `cid:${cid}` }),
  };
}
