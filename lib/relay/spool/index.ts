import type { MailRelayDefinition, RelaySetup } from '../relay-definition.js';
import { readSpoolOptions, type SpoolAsyncOptions, type SpoolOptions } from './spool.options.js';
import { SpoolRelay } from './spool.relay.js';

export type { SpoolAsyncOptions, SpoolOptions } from './spool.options.js';
export type { SqliteDriver } from './sqlite.js';
export { SpoolRelay } from './spool.relay.js';

function setup(raw: unknown): RelaySetup {
  const options = readSpoolOptions(raw);
  return { relay: new SpoolRelay(options), options: options.relay };
}

/**
 * A durable relay in a SQLite file: `relay: spoolRelay({ path: 'var/mail.db' })`. Nothing to install on
 * Node 22.13 or newer; on Node 20 one of libsql and better-sqlite3@12.
 * @throws MailConfigurationError, with options given as a factory once the app is created.
 */
export function spoolRelay(options: SpoolOptions | SpoolAsyncOptions): MailRelayDefinition {
  if ('useFactory' in options) {
    const { imports, inject, useFactory } = options;
    return {
      register: () => ({
        imports,
        inject,
        create: async (...dependencies) => setup(await useFactory(...dependencies)),
      }),
    };
  }
  readSpoolOptions(options);
  return { register: () => ({ create: () => setup(options) }) };
}
