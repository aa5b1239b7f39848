import type { Mail } from '../../../message/mail.js';
import { OptionReader } from '../../../base/option-reader.js';
import { readHeaderText } from '../own-options.js';
import { SENDGRID_MESSAGE_OPTIONS } from './sendgrid-message.options.js';
import { SUBUSER } from './sendgrid.options.js';
import { readPersonalizations, type Personalization } from './sendgrid-personalizations.js';
import { readStrings, readText, utf8Size } from './sendgrid-read.js';

/** `providerOptions.sendgrid` after checking, in the API's own form. */
export interface SendGridExtras {
  /** Goes into the body as it is. */
  readonly body: Readonly<Record<string, unknown>> & { readonly template_id?: string };
  /** Goes into every personalization. */
  readonly personal: Pick<Personalization, 'substitutions' | 'dynamic_template_data'>;
  /** In place of the one that the mail's to, cc and bcc make. */
  readonly personalizations?: readonly Personalization[];
  readonly onBehalfOf?: string;
}

const KEYS = Object.keys(SENDGRID_MESSAGE_OPTIONS);
type Settings = Readonly<Record<string, Readonly<Record<string, 'text' | 'boolean'>>>>;
const MAIL_SETTINGS: Settings = {
  bypassListManagement: {},
  bypassSpamManagement: {},
  bypassBounceManagement: {},
  bypassUnsubscribeManagement: {},
  footer: { text: 'text', html: 'text' },
};
const TRACKING_SETTINGS: Settings = {
  clickTracking: { enableText: 'boolean' },
  openTracking: { substitutionTag: 'text' },
  subscriptionTracking: { text: 'text', html: 'text', substitutionTag: 'text' },
  ganalytics: {
    utmSource: 'text',
    utmMedium: 'text',
    utmTerm: 'text',
    utmContent: 'text',
    utmCampaign: 'text',
  },
};
const MAX_GROUPS = 25;
export const MAX_SUBSTITUTIONS_BYTES = 10_000;
const NONE: SendGridExtras = { body: {}, personal: {} };

/**
 * @param now in milliseconds
 * @throws MailConfigurationError that names the option, expected and got
 */
export function readSendGridOptions(mail: Mail, now: number): SendGridExtras {
  const raw = mail.providerOptions?.sendgrid;
  if (raw === undefined) return NONE;
  const reader = new OptionReader('providerOptions.sendgrid', raw, KEYS);
  const templateId = reader.optionalString('templateId');
  const dynamic = templateId?.startsWith('d-') === true;
  const personal = {
    ...optional('substitutions', readSubstitutions(reader, dynamic)),
    ...optional('dynamic_template_data', readTemplateData(reader, dynamic)),
  };
  const personalizations = readPersonalizations(reader, mail, now, (item) => ({
    ...optional('substitutions', readSubstitutions(item, dynamic, personal.substitutions)),
    ...optional(
      'dynamic_template_data',
      readTemplateData(item, dynamic, personal.dynamic_template_data),
    ),
  }));
  return {
    body: {
      ...optional('template_id', templateId),
      ...optional('sections', readStrings(reader, 'sections')),
      ...optional('batch_id', reader.optionalString('batchId')),
      ...optional('asm', readAsm(reader)),
      ...optional('ip_pool_name', readIpPool(reader)),
      ...optional('mail_settings', readMailSettings(reader)),
      ...optional('tracking_settings', readSettings(reader, 'trackingSettings', TRACKING_SETTINGS)),
    },
    personal,
    ...optional('personalizations', personalizations),
    ...optional('onBehalfOf', readHeaderText(reader, 'onBehalfOf', SUBUSER)),
  };
}

function optional<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}

function readSubstitutions(
  reader: OptionReader,
  dynamic: boolean,
  inherited?: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const own = readStrings(reader, 'substitutions');
  if (own && dynamic) {
    reader.fail('substitutions', 'absent with a dynamic template (use `dynamicTemplateData`)');
  }
  const all = inherited || own ? { ...inherited, ...own } : undefined;
  if (all && utf8Size(all) > MAX_SUBSTITUTIONS_BYTES) {
    const limit = `at most ${MAX_SUBSTITUTIONS_BYTES} bytes of JSON`;
    reader.fail('substitutions', limit, `${utf8Size(all)}`);
  }
  return all;
}

function readTemplateData(
  reader: OptionReader,
  dynamic: boolean,
  inherited?: object,
): object | undefined {
  const own = reader.raw('dynamicTemplateData');
  if (own === undefined) return inherited;
  if (typeof own !== 'object' || own === null || Array.isArray(own)) {
    return reader.fail('dynamicTemplateData', 'an object');
  }
  if (!dynamic) {
    reader.fail('dynamicTemplateData', 'beside a `templateId` that begins with `d-`', 'one alone');
  }
  return { ...inherited, ...own };
}

function readAsm(reader: OptionReader): object | undefined {
  if (reader.raw('asm') === undefined) return undefined;
  const asm = reader.nested('asm', ['groupId', 'groupsToDisplay']);
  const groups = asm.raw('groupsToDisplay');
  const expected = `an array of at most ${MAX_GROUPS} integers`;
  if (groups !== undefined) {
    if (!isIntegers(groups)) return asm.fail('groupsToDisplay', expected);
    if (groups.length > MAX_GROUPS) asm.fail('groupsToDisplay', expected, `${groups.length}`);
  }
  // Its absence is a fault: no number is its default.
  const group_id = asm.integer('groupId', Number.NaN, { min: 0 });
  return { group_id, ...optional('groups_to_display', groups) };
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item));
}

function readIpPool(reader: OptionReader): string | undefined {
  const name = reader.optionalString('ipPoolName');
  if (name !== undefined && (name.length < 2 || name.length > 64)) {
    reader.fail('ipPoolName', 'a string of 2 to 64 characters', `one of ${name.length}`);
  }
  return name;
}

function readMailSettings(reader: OptionReader): Readonly<Record<string, object>> | undefined {
  const settings = readSettings(reader, 'mailSettings', MAIL_SETTINGS);
  const bypasses = Object.entries(settings ?? {}).filter(
    ([name, { enable }]) => name.startsWith('bypass') && enable === true,
  );
  if (bypasses.length > 1 && bypasses.some(([name]) => name === 'bypass_list_management')) {
    const path = 'mailSettings';
    reader.fail(path, 'without another bypass beside `bypassListManagement`', 'several');
  }
  return settings;
}

/** Switches with their details: `{ clickTracking: { enable, enableText } }` in snake case. */
function readSettings(
  reader: OptionReader,
  key: string,
  table: Settings,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined {
  if (reader.raw(key) === undefined) return undefined;
  const group = reader.nested(key, Object.keys(table));
  const read: Record<string, Record<string, unknown>> = {};
  for (const [name, details] of Object.entries(table)) {
    if (group.raw(name) === undefined) continue;
    const setting = group.nested(name, ['enable', ...Object.keys(details)]);
    if (setting.raw('enable') === undefined) setting.fail('enable', 'true or false');
    const into: Record<string, unknown> = { enable: setting.boolean('enable', false) };
    for (const [detail, kind] of Object.entries(details)) {
      if (setting.raw(detail) === undefined) continue;
      into[snake(detail)] =
        kind === 'text' ? readText(setting, detail) : setting.boolean(detail, false);
    }
    read[snake(name)] = into;
  }
  return read;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
