import { checkUnknown, isObject, readField } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailDsn } from '../mail.js';
import { readChoice, readLine } from './read-basics.js';
import { show } from '../text.js';
import { xtext } from '../xtext.js';

const RETURN = ['full', 'headers'] as const;
const NOTIFY = ['never', 'success', 'failure', 'delay'] as const;
/** RFC 3461 §4.4. */
const MAX_ID = 100;

const INSTEAD = {
  ret: 'Use `return`',
  envid: 'Use `id`',
  recipient: 'Leave it out: each recipient’s own address is told as the original one',
  orcpt: 'Leave it out: each recipient’s own address is told as the original one',
};

function readId(issues: IssueList, path: string, value: unknown): string | undefined {
  const id = readLine(issues, path, value);
  if (id === undefined) return undefined;
  if (!/^[ -~]+$/.test(id)) {
    issues.add(path, 'holds a character outside ASCII', 'Use printable ASCII (RFC 3461 §4.4)');
  } else if (xtext(id).length > MAX_ID) {
    const length = `is ${xtext(id).length} characters long as encoded`;
    issues.add(path, length, `Use at most ${MAX_ID}; \`+\`, \`=\` and a space count three each`);
  } else return id;
  return undefined;
}

function readNotify(issues: IssueList, path: string, value: unknown): MailDsn['notify'] {
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) issues.add(path, 'is empty', 'Name when to notify, or leave it out');
  const found = list.map((item, index) =>
    readChoice(issues, Array.isArray(value) ? `${path}[${index}]` : path, item ?? null, NOTIFY),
  );
  const wishes = NOTIFY.filter((wish) => found.includes(wish));
  if (wishes.length > 1 && wishes[0] === 'never') {
    issues.add(path, 'holds `never` beside others', 'Give `never` alone (RFC 3461 §4.1)');
  }
  return wishes.length === 0 ? undefined : Object.freeze(wishes);
}

/** What is asked of delivery reports; `undefined` where that is nothing. */
export function readDsn(issues: IssueList, path: string, value: unknown): MailDsn | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) {
    const fix = "Write `dsn: { notify: ['success', 'failure'] }`";
    issues.add(path, `expected an object, got ${show(value)}`, fix);
    return undefined;
  }
  checkUnknown(issues, path, value, ['id', 'return', 'notify'], INSTEAD);
  const id = readId(issues, `${path}.id`, readField(value, 'id'));
  const content = readChoice(issues, `${path}.return`, readField(value, 'return'), RETURN);
  const notify = readNotify(issues, `${path}.notify`, readField(value, 'notify'));
  if (id === undefined && content === undefined && notify === undefined) return undefined;
  return Object.freeze({
    ...(id !== undefined && { id }),
    ...(content !== undefined && { return: content }),
    ...(notify !== undefined && { notify }),
  });
}
