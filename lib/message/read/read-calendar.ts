import { checkUnknown, isObject, readField } from './fields.js';
import type { IssueList } from './issues.js';
import type { Mail } from '../mail.js';
import { readBody, readChoice } from './read-basics.js';
import { show } from '../text.js';

/** RFC 5546 §1.4. */
const METHODS = [
  'PUBLISH',
  'REQUEST',
  'REPLY',
  'ADD',
  'CANCEL',
  'REFRESH',
  'COUNTER',
  'DECLINECOUNTER',
] as const;

/**
 * An iCalendar object and its method, which the content, where it has a METHOD, and the header of its part say alike
 * (RFC 6047 §2.4): a program that reads the one would take for an invitation what is a cancellation to
 * another.
 */
export function readCalendar(
  issues: IssueList,
  path: string,
  value: unknown,
  stored: boolean,
): Mail['icalEvent'] {
  if (value === undefined) return undefined;
  if (!isObject(value)) {
    issues.add(path, `expected an object, got ${show(value)}`, 'Write `{ method, content }`');
    return undefined;
  }
  checkUnknown(issues, path, value, ['method', 'content'], {
    path: 'Read the file yourself and give `content`',
    href: 'Fetch the URL yourself and give `content`',
    filename: 'Remove it; to offer the file as well, add it to `attachments`',
    encoding: 'Remove it: `content` is a string',
  });
  const given = readChoice(issues, `${path}.method`, readField(value, 'method'), METHODS);
  const content = readBody(issues, `${path}.content`, readField(value, 'content') ?? null);
  if (content === undefined) return undefined;
  const own = stored ? undefined : methodOf(content);
  const known = METHODS.find((one) => one === own);
  if (own !== undefined && known === undefined) {
    const fix = `Use one of ${METHODS.join(', ')} (RFC 5546 §1.4)`;
    issues.add(`${path}.content`, `has METHOD:${show(own)}, which is none of iTIP`, fix);
  } else if (own !== undefined && given !== undefined && own !== given) {
    issues.add(
      `${path}.method`,
      `is ${given}, and the content has METHOD:${own}`,
      'Make them the same, or leave `method` out to go by the content',
    );
  }
  return Object.freeze({ method: given ?? known ?? 'PUBLISH', content });
}

/** The METHOD of the calendar itself, before its first component; lines are unfolded (RFC 5545 §3.1). */
function methodOf(content: string): string | undefined {
  const lines = content.replace(/(?:\r\n|\r|\n)[ \t]/g, '').split(/\r\n|\r|\n/);
  for (const line of lines) {
    if (/^BEGIN:(?!VCALENDAR\s*$)/i.test(line)) return undefined;
    const found = /^METHOD(?:;[^:]*)?:(.*)$/i.exec(line)?.[1];
    if (found !== undefined) return found.trim().toUpperCase();
  }
  return undefined;
}
