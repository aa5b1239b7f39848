import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<string>();

/** Runs `fn`, and all that it starts, with a locale for the mails that it sends. */
export function withMailLocale<T>(locale: string, fn: () => T): T {
  return current.run(locale, fn);
}

/** The locale of the nearest `withMailLocale` around the caller. */
export function currentMailLocale(): string | undefined {
  return current.getStore();
}

/** A language tag (BCP 47), loosely: it can name no file but one that exists. */
export const LOCALE = /^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}$/;

/** `pt-BR` → `pt-br`, `pt`; what is tried in this order before the default. */
export function localeChain(locale: string): string[] {
  const parts = locale.toLowerCase().replaceAll('_', '-').split('-');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('-'));
}
