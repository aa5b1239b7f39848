import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../../../base/clock.js';
import { type Credentials, credentialsOf } from './credentials.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { ResolvedSmtpOptions } from '../options/smtp.options.js';
import type { SmtpTlsOptions } from '../options/smtp-security.options.js';

/** Options without what is secret among them. */
export type PlainSmtpOptions = Omit<ResolvedSmtpOptions, 'auth' | 'dkim' | 'tls'> & {
  readonly tls: Pick<SmtpTlsOptions, 'rejectUnauthorized' | 'servername'>;
};

/** What all parts of one transport share. None of it shows a secret to `util.inspect` or `JSON.stringify`. */
export interface SmtpContext {
  readonly options: PlainSmtpOptions;
  /** What TLS is made with: authorities, and a certificate with its key. Made when it is first asked for. */
  readonly secureContext: () => SecureContext;
  readonly credentials?: Credentials;
  readonly errors: SmtpErrors;
  readonly clock: Clock;
}

export function contextOf(
  { auth, tls, ...given }: ResolvedSmtpOptions,
  errors: SmtpErrors,
  clock: Clock,
): SmtpContext {
  const { rejectUnauthorized, servername, ...material } = tls;
  // A session signs nothing: it does not hold the key.
  const plain = { ...given };
  delete plain.dkim;
  let made: SecureContext | undefined;
  return {
    options: { ...plain, tls: { rejectUnauthorized, servername } },
    secureContext: () => (made ??= createSecureContext(material)),
    credentials: auth && credentialsOf(auth),
    errors,
    clock,
  };
}
