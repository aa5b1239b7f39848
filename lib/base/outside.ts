import { AsyncResource } from 'node:async_hooks';

/** Made when the package is loaded, so before any request. */
const outside = new AsyncResource('nestjs-mail-relay');

/**
 * Runs `work`, and what follows from it, outside every AsyncLocalStorage context of a caller. A worker
 * that a `send` woke and a connection that a `send` opened serve everybody's mail: they must not run in
 * the context of that one request.
 */
export function runOutside<T>(work: () => T): T {
  return outside.runInAsyncScope(work);
}
