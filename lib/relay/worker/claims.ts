import { MailConfigurationError } from '../../base/errors.js';
import type { MailRelay } from '../relay.js';

/** Which mailers' workers run in this process, by storage. */
const claims = new Set<string>();

/**
 * Makes a worker the only one of its mailer on its storage in this process. Two would lease the same
 * mail and send it over the transport of whichever came first. Returns what gives the claim up.
 * Other processes are not looked at: workers of one mailer on many machines are what a relay is for.
 * @throws MailConfigurationError
 */
export function claimWorker({ identity, name }: MailRelay, mailer: string): () => void {
  if (identity === undefined) return () => undefined;
  const key = JSON.stringify([identity, mailer]);
  if (claims.has(key)) {
    const got =
      mailer === ''
        ? 'none, as in another module of this process'
        : `'${mailer}', which another has`;
    throw new MailConfigurationError(
      'name',
      `a name of its own for each MailModule that delivers from ${name}; their workers would send each other's mail`,
      got,
    );
  }
  claims.add(key);
  return () => claims.delete(key);
}
