import { isObject, isText, type FaultList, type Json } from './sendgrid-faults.js';

/** A setting's details beside `enable`, and their types. */
type Details = Readonly<Record<string, 'string' | 'boolean'>>;

const MAIL_SETTINGS: Readonly<Record<string, Details>> = {
  bypass_list_management: {},
  bypass_spam_management: {},
  bypass_bounce_management: {},
  bypass_unsubscribe_management: {},
  footer: { text: 'string', html: 'string' },
  sandbox_mode: {},
};
const TRACKING_SETTINGS: Readonly<Record<string, Details>> = {
  click_tracking: { enable_text: 'boolean' },
  open_tracking: { substitution_tag: 'string' },
  subscription_tracking: { text: 'string', html: 'string', substitution_tag: 'string' },
  ganalytics: {
    utm_source: 'string',
    utm_medium: 'string',
    utm_term: 'string',
    utm_content: 'string',
    utm_campaign: 'string',
  },
};

/** The rules for what is set once for the whole request. */
export function checkOptions(list: FaultList, mail: Json): void {
  const { template_id, batch_id, ip_pool_name, sections, asm } = mail;
  if (template_id !== undefined && !isText(template_id)) {
    list.fault('The template_id must be a string.', 'template_id');
  }
  if (batch_id !== undefined && !isText(batch_id)) {
    list.fault('The batch_id must be a string.', 'batch_id');
  }
  if (
    ip_pool_name !== undefined &&
    !(isText(ip_pool_name) && ip_pool_name.length >= 2 && ip_pool_name.length <= 64)
  ) {
    list.fault(
      'The ip_pool_name must be a string of at least 2 and at most 64 characters.',
      'ip_pool_name',
    );
  }
  if (sections !== undefined && !isStrings(sections)) {
    list.fault('Each section value must be a string.', 'sections');
  }
  if (asm !== undefined) checkAsm(list, asm);
  if (mail['mail_settings'] !== undefined) checkMailSettings(list, mail['mail_settings']);
  if (mail['tracking_settings'] !== undefined) {
    checkSettings(list, mail['tracking_settings'], 'tracking_settings', TRACKING_SETTINGS);
  }
}

/** The rules for what fills in one personalization. */
export function checkVariables(list: FaultList, item: Json, path: string, template: unknown): void {
  const { substitutions, dynamic_template_data: data } = item;
  const dynamic = isText(template) && template.startsWith('d-');
  if (substitutions !== undefined) {
    const field = `${path}.substitutions`;
    if (dynamic) {
      list.fault('Substitutions may not be used with dynamic templating', field, null);
    } else if (!isStrings(substitutions)) {
      list.fault('Each substitution must be a string.', field, null);
    } else if (Buffer.byteLength(JSON.stringify(substitutions)) > 10_000) {
      list.fault('The substitutions are limited to 10,000 bytes.', field, null);
    }
  }
  if (data !== undefined && !(dynamic && isObject(data))) {
    const message = 'The dynamic_template_data must be an object, beside a dynamic template.';
    list.fault(message, `${path}.dynamic_template_data`, null);
  }
}

function checkAsm(list: FaultList, asm: unknown): void {
  if (!isObject(asm)) {
    list.fault('The asm parameter must be an object.', 'asm');
    return;
  }
  list.keys(asm, ['group_id', 'groups_to_display'], 'asm.');
  if (!Number.isInteger(asm['group_id'])) {
    list.fault('The asm group_id must be an integer.', 'asm.group_id');
  }
  const groups = asm['groups_to_display'];
  if (groups === undefined) return;
  if (!Array.isArray(groups) || groups.length > 25 || !groups.every(Number.isInteger)) {
    list.fault(
      'The asm groups_to_display must be an array of at most 25 integers.',
      'asm.groups_to_display',
    );
  }
}

function checkMailSettings(list: FaultList, value: unknown): void {
  checkSettings(list, value, 'mail_settings', MAIL_SETTINGS);
  if (!isObject(value)) return;
  const on = Object.keys(value).filter((name) => {
    const setting = value[name];
    return name.startsWith('bypass_') && isObject(setting) && setting['enable'] === true;
  });
  if (on.length > 1 && on.includes('bypass_list_management')) {
    list.fault(
      'bypass_list_management cannot be combined with any other bypass filter.',
      'mail_settings',
    );
  }
}

function checkSettings(
  list: FaultList,
  value: unknown,
  path: string,
  known: Readonly<Record<string, Details>>,
): void {
  if (!isObject(value)) {
    list.fault(`The ${path} parameter must be an object.`, path);
    return;
  }
  list.keys(value, Object.keys(known), `${path}.`);
  for (const [name, details] of Object.entries(known)) {
    const setting = value[name];
    if (setting === undefined) continue;
    const field = `${path}.${name}`;
    if (!isObject(setting) || typeof setting['enable'] !== 'boolean') {
      list.fault(`The ${name} enable parameter must be a boolean.`, field);
      continue;
    }
    list.keys(setting, ['enable', ...Object.keys(details)], `${field}.`);
    for (const [detail, type] of Object.entries(details)) {
      if (setting[detail] === undefined || typeof setting[detail] === type) continue;
      list.fault(`The ${name} ${detail} parameter must be a ${type}.`, `${field}.${detail}`);
    }
  }
}

function isStrings(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string');
}
