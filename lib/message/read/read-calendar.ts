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
 * An iCalendar object and its method, which the content and the header of its part say alike: where the one
 * has it, the other has to (RFC 5545 §3.7.2, RFC 6047 §2.4), else a program that reads the one would take
 * for an invitation what is a cancellation to another. Content without METHOD gets it.
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
  if (stored) return Object.freeze({ method: given ?? 'PUBLISH', content });
  const [own, second] = methodsOf(content);
  const known = METHODS.find((one) => one === own);
  if (own !== undefined && known === undefined) {
    const fix = `Use one of ${METHODS.join(', ')} (RFC 5546 §1.4)`;
    issues.add(`${path}.content`, `has METHOD:${show(own)}, which is none of iTIP`, fix);
  } else if (second !== undefined) {
    issues.add(`${path}.content`, 'has METHOD more than once', 'Leave one (RFC 5545 §3.6)');
  } else if (own !== undefined && given !== undefined && own !== given) {
    issues.add(
      `${path}.method`,
      `is ${given}, and the content has METHOD:${own}`,
      'Make them the same, or leave `method` out to go by the content',
    );
  }
  const method = given ?? known ?? 'PUBLISH';
  return Object.freeze({
    method,
    content: own === undefined ? withMethod(content, method) : content,
  });
}

/** Folded lines are one (RFC 5545 §3.1). */
const FOLD = /(?:\r\n|\r|\n)[ \t]/g;
/** No component has a property of this name, so that any is the calendar's. */
const METHOD_LINE = /(?:^|[\r\n])METHOD(?:;[^:\r\n]*)?:([^\r\n]*)/gi;
const FIRST_LINE = /^\s*BEGIN:VCALENDAR[ \t]*(\r\n|\r|\n|$)/i;

function methodsOf(content: string): readonly string[] {
  const found = content.replace(FOLD, '').matchAll(METHOD_LINE);
  return Array.from(found, ([, method]) => method!.trim().toUpperCase());
}

/** A property of the calendar stands before its components. */
function withMethod(content: string, method: string): string {
  return content.replace(FIRST_LINE, (first, lineEnd: string) =>
    lineEnd === '' ? `${first}\r\nMETHOD:${method}` : `${first}METHOD:${method}${lineEnd}`,
  );
}
