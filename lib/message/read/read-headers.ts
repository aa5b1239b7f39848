import { isObject, readField, checkUnknown } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailHeader } from '../mail.js';
import { structureFault } from '../mime/structured-value.js';
import { fieldTextFault, show } from '../text.js';

/** Headers that the composer writes, and the field that sets each. */
const OWNED: Readonly<Record<string, string>> = {
  from: 'Use the field `from`',
  to: 'Use the field `to`',
  cc: 'Use the field `cc`',
  bcc: 'Use the field `bcc`',
  sender: 'Use the field `sender`',
  'reply-to': 'Use the field `replyTo`',
  subject: 'Use the field `subject`',
  date: 'Use the field `date`',
  'message-id': 'Use the field `messageId`',
  'in-reply-to': 'Use the field `inReplyTo`',
  references: 'Use the field `references`',
  'mime-version': 'Remove it: it is always written',
  received: 'Remove it: servers write it',
  'return-path': 'Use `envelope.from`; the last server writes the header',
  'dkim-signature': "Set `dkim` in the transport's options",
};
/** These take one value, not a list of URLs (RFC 2919, RFC 8058). */
const SINGLE_LISTS = new Set(['list-id', 'list-unsubscribe-post']);
const PRIORITY_FAMILY = new Set(['x-priority', 'x-msmail-priority', 'importance', 'priority']);
// RFC 5322 §3.6.8 ftext: printable ASCII but the colon.
const NAME = /^[!-9;-~]{1,76}$/;

/** Which names are taken by other fields of the message at hand. */
export interface TakenHeaders {
  /** Out of storage: a release before took values that the door refuses today. */
  readonly stored?: boolean;
  readonly priority: boolean;
  /** Lower-case `list-*` names that `list` writes. */
  readonly list: ReadonlySet<string>;
}

function nameFault(
  name: string,
  taken: TakenHeaders,
): { problem: string; fix: string } | undefined {
  if (!NAME.test(name) || name === '__proto__') {
    const fault = fieldTextFault(name);
    return {
      problem: fault ? `the name ${fault.problem}` : `${show(name)} is not a header name`,
      fix: 'Use 1 to 76 printable ASCII characters without space and colon',
    };
  }
  const lower = name.toLowerCase();
  const problem = `the header ${name} may not be set here`;
  if (lower.startsWith('content-')) {
    return { problem, fix: 'Remove it: it follows from the parts of the message' };
  }
  if (Object.hasOwn(OWNED, lower)) return { problem, fix: OWNED[lower]! };
  if (taken.priority && PRIORITY_FAMILY.has(lower)) {
    return { problem, fix: 'The field `priority` is set and writes it; keep one of the two' };
  }
  if (taken.list.has(lower)) {
    return { problem, fix: 'The field `list` is set and writes it; keep one of the two' };
  }
  return undefined;
}

/**
 * `List-*` fields stand once each and take several URLs (RFC 2369 §3): repeated ones become one. Those that
 * take one value are refused, and out of storage left as a release before took them.
 */
function joinLists(
  issues: IssueList,
  path: string,
  headers: MailHeader[],
  stored = false,
): MailHeader[] {
  const lists = new Map<string, Set<string>>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    if (!isJoined(key, stored)) continue;
    const values = lists.get(key);
    if (values) values.add(value);
    else lists.set(key, new Set([value]));
  }
  if (lists.size === 0) return headers;
  return headers.flatMap((header) => {
    const key = header.name.toLowerCase();
    if (!isJoined(key, stored)) return [header];
    const values = lists.get(key);
    lists.delete(key);
    if (!values) return [];
    if (values.size === 1) return [header];
    if (SINGLE_LISTS.has(key)) {
      issues.add(`${path}.${header.name}`, 'has several values', 'Give one (RFC 2369 §3)');
    }
    return [Object.freeze({ name: header.name, value: [...values].join(', ') })];
  });
}

function isJoined(key: string, stored: boolean): boolean {
  return key.startsWith('list-') && !(stored && SINGLE_LISTS.has(key));
}

function readValue(
  issues: IssueList,
  path: string,
  name: string,
  value: unknown,
  into: MailHeader[],
  stored = false,
): void {
  if (typeof value !== 'string') {
    const fix =
      isObject(value) && 'prepared' in value
        ? 'Give the plain Unicode string; it is encoded and folded for you'
        : 'Give a string, or an array of strings for a header that repeats';
    issues.add(path, `expected a string, got ${show(value)}`, fix);
    return;
  }
  const fault = fieldTextFault(value, true) ?? (stored ? undefined : structureFault(name, value));
  if (fault) issues.addFault(path, fault);
  else into.push(Object.freeze({ name, value: value.trim() }));
}

function readOne(
  issues: IssueList,
  path: string,
  name: string,
  value: unknown,
  taken: TakenHeaders,
  into: MailHeader[],
): void {
  const fault = nameFault(name, taken);
  if (fault) issues.addFault(path, fault);
  else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      readValue(issues, `${path}[${i}]`, name, value[i], into, taken.stored);
    }
  } else readValue(issues, path, name, value, into, taken.stored);
}

/** Extra headers, as an object or as a list of `{ key, value }`, in their order. */
export function readHeaders(
  issues: IssueList,
  path: string,
  value: unknown,
  taken: TakenHeaders,
): MailHeader[] {
  const into: MailHeader[] = [];
  if (value === undefined) return into;
  if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => {
      const at = `${path}[${index}]`;
      const name = isObject(item) ? readField(item, 'key') : undefined;
      if (!isObject(item) || typeof name !== 'string') {
        issues.add(at, `expected { key, value }, got ${show(item)}`, 'Give both as strings');
        return;
      }
      checkUnknown(issues, at, item, ['key', 'value']);
      readOne(issues, at, name, readField(item, 'value'), taken, into);
    });
  } else if (isObject(value)) {
    for (const [name, item] of Object.entries(value) as [string, unknown][]) {
      if (item === undefined) continue;
      const at = NAME.test(name) ? `${path}.${name}` : `${path}[${show(name)}]`;
      readOne(issues, at, name, item, taken, into);
    }
  } else {
    issues.add(
      path,
      `expected an object, got ${show(value)}`,
      'Write `headers: { "X-Name": "…" }`',
    );
  }
  return joinLists(issues, path, into, taken.stored);
}
