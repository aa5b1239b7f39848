import type { IssueList } from './issues.js';
import { copyPlain, isPlain } from './plain-data.js';
import type { MailProviderOptions } from '../provider-options.js';
import { show } from '../text.js';

const NAME = /^[a-z][\w.-]{0,63}$/i;

/** The message's settings over the defaults', key by key of each provider. */
export function readProviderOptions(
  issues: IssueList,
  defaults: unknown,
  own: unknown,
): MailProviderOptions | undefined {
  const merged: Record<string, object> = {};
  for (const [path, value] of [
    ['defaults.providerOptions', defaults],
    ['providerOptions', own],
  ] as const) {
    if (value === undefined) continue;
    if (!isPlain(value)) {
      const fix = 'Write `providerOptions: { sendgrid: { … } }`';
      issues.add(path, `expected an object, got ${show(value)}`, fix);
      continue;
    }
    for (const [name, settings] of Object.entries(value) as [string, unknown][]) {
      if (settings === undefined) continue;
      if (!NAME.test(name) || name in Object.prototype) {
        issues.add(`${path}[${show(name)}]`, 'is no name of a provider', 'Use `sendgrid` or such');
      } else if (!isPlain(settings)) {
        const at = `${path}.${name}`;
        issues.add(at, `expected an object, got ${show(settings)}`, 'Give the settings by name');
      } else {
        const copy = copyPlain(issues, `${path}.${name}`, settings);
        merged[name] = Object.freeze({ ...merged[name], ...copy });
      }
    }
  }
  return Object.keys(merged).length === 0 ? undefined : Object.freeze(merged);
}
