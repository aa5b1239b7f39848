import type { Provider } from '@nestjs/common';
import { Secret } from './secret.js';

type Factory = (...dependencies: unknown[]) => unknown;

/**
 * Seals what the provider of that token gives: raw options hold passwords and keys, and Nest keeps every
 * provider's instance where a tool, a debugger or a log of the container shows it.
 */
export function sealOptions(providers: readonly Provider[], token: symbol): Provider[] {
  return providers.map((provider) => {
    if (typeof provider === 'function' || provider.provide !== token) return provider;
    if ('useValue' in provider)
      return { ...provider, useValue: new Secret<unknown>(provider.useValue) };
    if (!('useFactory' in provider)) return provider;
    const make = provider.useFactory as Factory;
    return {
      ...provider,
      useFactory: async (...dependencies: unknown[]) =>
        new Secret<unknown>(await make(...dependencies)),
    };
  });
}

/** Reads options that were sealed. */
export function unsealed<T>(read: (raw: unknown) => T): (sealed: Secret<unknown>) => T {
  return (sealed) => read(sealed.reveal());
}
