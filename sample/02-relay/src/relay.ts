import type { MailRelayDefinition, RelayRole } from 'nestjs-mail-relay';
import { bullRelay } from 'nestjs-mail-relay/bull';
import { spoolRelay } from 'nestjs-mail-relay/spool';

/** A spool by default, Bull where `REDIS_URL` says where Redis is; nothing else in the app differs. */
export function relayFor(role: RelayRole): MailRelayDefinition {
  // Short waits, for somebody who watches.
  const common = { role, retry: { minBackoffMs: 500, maxBackoffMs: 3_000 } };
  const { REDIS_URL: redis, MAIL_SPOOL: path = 'var/mail.db' } = process.env;
  return redis ? bullRelay({ ...common, redis }) : spoolRelay({ ...common, path });
}
