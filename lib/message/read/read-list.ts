import { checkUnknown, isObject, readField } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailHeader } from '../mail.js';
import { looksLikeAddress } from './read-addresses.js';
import { readLine } from './read-basics.js';
import { show } from '../text.js';

const URL_FIELDS = {
  help: 'List-Help',
  unsubscribe: 'List-Unsubscribe',
  subscribe: 'List-Subscribe',
  post: 'List-Post',
  owner: 'List-Owner',
  archive: 'List-Archive',
} as const;
const KNOWN = [...Object.keys(URL_FIELDS), 'id', 'unsubscribePost'];
// Printable ASCII without what ends the angle brackets; a header line cannot fold inside a URL.
const URL_VALUE = /^(?:https?|mailto|ftp):[!-;=?-~]{1,900}$/i;
const LIST_ID = /^[!-;=?-~]{1,255}$/;
const ASCII_TEXT = /^[ -~]*$/;

function parts(
  issues: IssueList,
  path: string,
  value: unknown,
): { url: string; comment?: string } | undefined {
  if (!isObject(value)) {
    const url = readLine(issues, path, value ?? null);
    return url === undefined ? undefined : { url };
  }
  checkUnknown(issues, path, value, ['url', 'comment']);
  const url = readLine(issues, `${path}.url`, readField(value, 'url') ?? null);
  const comment = readLine(issues, `${path}.comment`, readField(value, 'comment'), { max: 200 });
  if (comment !== undefined && !ASCII_TEXT.test(comment)) {
    issues.add(`${path}.comment`, 'is not ASCII', 'Use printable ASCII characters');
    return undefined;
  }
  return url === undefined ? undefined : { url, comment };
}

function urlValue(issues: IssueList, path: string, value: unknown, post: boolean): string {
  const given = parts(issues, path, value);
  if (!given) return '';
  const url = given.url.trim();
  const comment =
    given.comment === undefined ? '' : ` (${given.comment.replace(/[()\\]/g, '\\$&')})`;
  if (post && url === 'NO') return `NO${comment}`; // RFC 2369 §3.4: nobody may post.
  if (URL_VALUE.test(url)) return `<${url}>${comment}`;
  const address = looksLikeAddress(url);
  if (address !== undefined && ASCII_TEXT.test(address) && !address.includes('"')) {
    return `<mailto:${address}>${comment}`;
  }
  issues.add(
    path,
    `${show(url)} is neither a URL nor an address`,
    'Give an https:, http:, mailto: or ftp: URL in ASCII (percent-encoded), or a bare address',
  );
  return '';
}

function idValue(issues: IssueList, path: string, value: unknown): string | undefined {
  const given = parts(issues, path, value);
  if (!given) return undefined;
  const id = given.url.trim().replace(/^<(.*)>$/, '$1');
  if (!LIST_ID.test(id)) {
    issues.add(path, `${show(id)} is not a List-Id`, 'Write it as `news.example.com` (RFC 2919)');
    return undefined;
  }
  if (given.comment === undefined) return `<${id}>`;
  return `"${given.comment.replace(/["\\]/g, '\\$&')}" <${id}>`;
}

/** The `List-*` headers that `list` asks for: each at most once, several URLs joined (RFC 2369 §2). */
export function readList(issues: IssueList, path: string, value: unknown): MailHeader[] {
  const headers: MailHeader[] = [];
  if (value === undefined) return headers;
  if (!isObject(value)) {
    issues.add(
      path,
      `expected an object, got ${show(value)}`,
      'Write `list: { unsubscribe: "…" }`',
    );
    return headers;
  }
  checkUnknown(issues, path, value, KNOWN);
  let unsubscribe = '';
  for (const [field, name] of Object.entries(URL_FIELDS)) {
    const given = readField(value, field);
    if (given === undefined) continue;
    const at = `${path}.${field}`;
    const values: string[] = [];
    if (Array.isArray(given)) {
      for (let i = 0; i < given.length; i += 1) {
        values.push(urlValue(issues, `${at}[${i}]`, given[i], false));
      }
      if (given.length === 0) issues.add(at, 'is empty', 'Name a URL, or leave it out');
    } else {
      values.push(urlValue(issues, at, given, field === 'post'));
    }
    const joined = values.filter((item) => item !== '').join(', ');
    if (field === 'unsubscribe') unsubscribe = joined;
    if (joined !== '') headers.push(Object.freeze({ name, value: joined }));
  }
  const id = readField(value, 'id');
  const listId = id === undefined ? undefined : idValue(issues, `${path}.id`, id);
  if (listId !== undefined) headers.push(Object.freeze({ name: 'List-Id', value: listId }));
  const oneClick = readField(value, 'unsubscribePost');
  if (oneClick !== undefined && typeof oneClick !== 'boolean') {
    issues.add(
      `${path}.unsubscribePost`,
      `expected true or false, got ${show(oneClick)}`,
      'Use true',
    );
  } else if (oneClick === true && !/<https:/i.test(unsubscribe)) {
    issues.add(
      `${path}.unsubscribePost`,
      'needs an https URL to post to (RFC 8058 §3.1)',
      'Add an https: URL to `list.unsubscribe`',
    );
  } else if (oneClick === true) {
    const name = 'List-Unsubscribe-Post';
    headers.push(Object.freeze({ name, value: 'List-Unsubscribe=One-Click' }));
  }
  return headers;
}
