/** Redis says that it did not do it: full, not allowed, busy, in need of repair, at another node. */
const REFUSAL =
  /\b(OOM|BUSY|MISCONF|NOREPLICAS|NOAUTH|NOPERM|WRONGPASS|NOSCRIPT|MOVED|CROSSSLOT)\b/;
/** It did not do it, and may in a moment: it starts, or another takes over; or nothing was written. */
const PASSING = /\b(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|Stream isn't writeable)\b/;

/** Whether Redis did it: surely not and for now, surely not, or who knows. */
export function fateOf(error: unknown): 'passing' | 'refused' | 'lost' {
  const message = messageOf(error);
  if (PASSING.test(message)) return 'passing';
  return REFUSAL.test(message) ? 'refused' : 'lost';
}

/** What to do about it, as the end of a sentence, or nothing. */
export function fixFor(message: string): string {
  if (/\bCROSSSLOT\b|same slot|non local key/.test(message)) {
    return ". A Redis Cluster needs all keys of the queue in one slot: give `prefix: '{mail}'`";
  }
  if (/\bMOVED\b/.test(message)) {
    return '. This is one node of a Redis Cluster: give `BullModule.forRoot` a `createClient` that returns an ioredis `Cluster`';
  }
  return '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Redis answered, whatever it said. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** ioredis hangs the whole command, mail and password included, on its errors. */
export function bare(error: unknown): Error {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const cause = new Error(message.slice(0, 300));
  cause.name = name;
  if (stack) cause.stack = stack;
  return cause;
}
