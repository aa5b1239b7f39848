import type { Connection } from '../connection/connection.js';

/**
 * Those that may carry mail now: the oldest, never more than `most`. A successor beside them waits
 * until the connection that it replaces has got its last reply.
 */
export function workersOf(connections: Iterable<Connection>, most: number): Connection[] {
  const workers: Connection[] = [];
  for (const one of connections) {
    if (one.spent && one.outstanding === 0) continue;
    workers.push(one);
    if (workers.length === most) break;
  }
  return workers;
}

/** How many sessions are wanted beside `workers`, so that replacing a connection stops no mail. */
export function successorsOf(
  connections: Iterable<Connection>,
  workers: readonly Connection[],
): number {
  let missing = 0;
  for (const one of workers) if (one.nearingLimit) missing += 1;
  if (missing === 0) return 0;
  for (const one of connections) if (!one.spent && !workers.includes(one)) missing -= 1;
  return Math.max(0, missing);
}
