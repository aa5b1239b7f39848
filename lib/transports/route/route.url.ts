import { MailConfigurationError } from '../../base/errors.js';

const SHAPE = /^(failover|fastest|round-robin):\(/;
const FORM = 'a route like failover:(smtp://user:pass@host sendgrid://KEY@api.sendgrid.com)';

export function isRouteUrl(text: string): boolean {
  return /^(failover|fastest|round-robin):/.test(text);
}

/**
 * Reads `failover:(smtp://… sendgrid://…)?trialAfterMs=5000`. Transports are set apart by spaces and may be
 * routes themselves; parameters are `failoverUnknown`, `failures`, `trialAfterMs`, `authTrialAfterMs`.
 * What it returns is still to be checked by `readRouteOptions`.
 * @throws MailConfigurationError that never quotes the URL: it holds passwords.
 */
export function parseRouteUrl(text: string, path: string): Record<string, unknown> {
  const strategy = SHAPE.exec(text)?.[1];
  const bad = (got: string) => new MailConfigurationError(path, FORM, got);
  if (strategy === undefined) throw bad('one without an opening parenthesis');
  const end = closingOf(text, strategy.length + 1);
  if (end === -1)
    throw bad('one whose parentheses do not match (percent-encode them in passwords)');
  const rest = text.slice(end + 1);
  if (rest !== '' && !rest.startsWith('?')) throw bad('one with something after its parenthesis');
  const inside = text.slice(strategy.length + 2, end);
  return {
    type: 'route',
    strategy,
    transports: transportsIn(inside),
    ...readQuery(new URLSearchParams(rest), path),
  };
}

/** Index of the parenthesis that closes the one at `open`, or -1. */
function closingOf(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i += 1) {
    if (text[i] === '(') depth += 1;
    if (text[i] === ')') depth -= 1;
    if (depth === 0) return i;
  }
  return -1;
}

function transportsIn(inside: string): string[] {
  const members: string[] = [];
  let depth = 0;
  let member = '';
  for (const char of `${inside} `) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth > 0 || !/\s/.test(char)) {
      member += char;
    } else if (member !== '') {
      members.push(member);
      member = '';
    }
  }
  return members;
}

function readQuery(query: URLSearchParams, path: string): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const breaker: Record<string, unknown> = {};
  for (const [name, value] of query) {
    const fault = (expected: string, got: string) =>
      new MailConfigurationError(`${path}?${name.slice(0, 40)}`, expected, got);
    if (query.getAll(name).length > 1) throw fault('given once', 'it twice');
    if (name === 'failoverUnknown') {
      if (value !== 'true' && value !== 'false') throw fault('true or false', 'something else');
      options[name] = value === 'true';
    } else {
      if (!/^\d{1,15}$/.test(value)) throw fault('an integer', 'something else');
      breaker[name] = Number(value);
    }
  }
  return { ...options, breaker };
}
