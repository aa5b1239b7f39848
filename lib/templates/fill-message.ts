import { MailTemplateError, MailValidationError, type MailIssue } from '../base/errors.js';
import { copyFields, isObject, MESSAGE_FIELDS, readField } from '../message/read/fields.js';
import type { MailMessage } from '../message/message.js';
import { show } from '../message/text.js';
import { LOCALE } from './locale.js';
import type { StoredMail, TemplateStore } from './template-store.js';
import type { TemplateContext } from './template.js';
import { isThenable } from '../base/thenable.js';

const CHOICE = ['template', 'context', 'locale'] as const;

interface Choice {
  readonly template: string;
  readonly context: TemplateContext;
  readonly locale?: string;
}

function readChoice(message: object, store: TemplateStore): Choice {
  const issues: MailIssue[] = [];
  const add = (path: string, problem: string, fix: string) => issues.push({ path, problem, fix });
  const template = readField(message, 'template');
  const context = readField(message, 'context') ?? {};
  const locale = readField(message, 'locale') ?? store.localeNow();
  if (typeof template !== 'string' || template === '') {
    add('template', `expected a name, got ${show(template)}`, 'Name a template');
  }
  if (!isObject(context)) {
    add('context', `expected an object, got ${show(context)}`, 'Give the values by their names');
  }
  if (locale !== undefined && !(typeof locale === 'string' && LOCALE.test(locale))) {
    add('locale', `${show(locale)} is no language tag`, 'Write it as `pt-BR`, or leave it out');
  }
  if (readField(message, 'html') !== undefined) {
    add('html', 'stands beside `template`', 'Keep one of the two');
  }
  if (issues.length > 0) throw new MailValidationError(issues);
  return { template, context, locale } as Choice;
}

/** The message with its template's parts in place of `template`, `context` and `locale`. */
export function fillMessage(
  message: MailMessage,
  store: TemplateStore,
): MailMessage | Promise<MailMessage> {
  // The door names what else is wrong with it.
  if (!isObject(message)) return message;
  if (readField(message, 'template') === undefined) {
    return readField(message, 'locale') === undefined ? message : without(message);
  }
  const { template, context, locale } = readChoice(message, store);
  const filled = store.render(template, context, locale);
  return isThenable(filled)
    ? filled.then((parts) => complete(message, template, parts))
    : complete(message, template, filled);
}

function without(message: object): Record<string, unknown> {
  const copy = copyFields(message, MESSAGE_FIELDS);
  for (const key of CHOICE) Reflect.deleteProperty(copy, key);
  return copy;
}

function complete(
  message: object,
  template: string,
  { subject, html, text, images, cids }: StoredMail,
): MailMessage {
  const copy = without(message);
  const fields: Record<string, unknown> = {
    ...(subject !== undefined && { subject }),
    ...(text !== undefined && { text }),
    ...copy,
    ...(html !== undefined && { html }),
  };
  if (cids.length === 0) return fields;
  const own: unknown = copy['attachments'] ?? [];
  const list: unknown[] = Array.isArray(own) ? own : [own];
  const taken = new Set(list.map((one) => (isObject(one) ? readField(one, 'cid') : undefined)));
  const added = images.filter(({ cid }) => !taken.has(cid));
  const known = new Set([...taken, ...added.map(({ cid }) => cid)]);
  const missing = cids.find((cid) => !known.has(cid) && !known.has(decoded(cid)));
  if (missing !== undefined) {
    throw new MailTemplateError({
      template,
      problem: `its html shows \`cid:${missing.slice(0, 100)}\`, and no image goes with it`,
      fix: "Put the file into the templates' folder, or give it in `attachments` with that `cid`",
    });
  }
  if (added.length > 0) fields['attachments'] = [...list, ...added];
  return fields;
}

/** The address of a part is written like any URL (RFC 2392 §2). */
function decoded(cid: string): string {
  try {
    return decodeURIComponent(cid);
  } catch {
    return cid;
  }
}
