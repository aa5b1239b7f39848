import type XOAuth2 from 'nodemailer/lib/xoauth2';
import { redactor } from '../../../base/redact.js';
import { Secret } from '../../../base/secret.js';
import type {
  SmtpAuth,
  SmtpOAuth2Auth,
  SmtpPasswordAuth,
} from '../options/smtp-security.options.js';

/** What the connections of a pool log in with. They share it, so that a token is fetched once. */
export type Credentials = PasswordCredentials | TokenCredentials;

export interface PasswordCredentials {
  readonly kind: 'password';
  readonly user: string;
  readonly pass: Secret<string>;
  readonly method?: SmtpPasswordAuth['method'];
  /** Takes every form of the secrets out of a text. */
  readonly redact: (text: string) => string;
}

export interface TokenCredentials {
  readonly kind: 'token';
  readonly user: string;
  /** Returns an access token; `renew` after the last one was refused. */
  readonly token: (renew: boolean) => Promise<string>;
  readonly redact: (text: string) => string;
}

export function credentialsOf(auth: SmtpAuth): Credentials {
  return 'pass' in auth
    ? {
        kind: 'password',
        user: auth.user,
        method: auth.method,
        pass: new Secret(auth.pass),
        redact: redacted(auth.user, [auth.pass]),
      }
    : tokenCredentials(auth);
}

/** Servers have been seen to quote the failed command in their reply. */
export function redacted(user: string, secrets: readonly string[]): (text: string) => string {
  const quoted = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [
      secret,
      `\0${user}\0${secret}`,
      `user=${user}\u0001auth=Bearer ${secret}\u0001\u0001`,
    ]);
  return redactor(secrets, '[secret]', quoted);
}

function tokenCredentials(auth: SmtpOAuth2Auth): TokenCredentials {
  const { user, accessToken, clientSecret, refreshToken } = auth;
  // Only the last few tokens can still be quoted to us.
  const tokens: string[] = typeof accessToken === 'string' ? [accessToken] : [];
  const fetchToken = typeof accessToken === 'function' ? accessToken : flow(auth);
  return {
    kind: 'token',
    user,
    token: async (renew) => {
      const token = await fetchToken(renew);
      if (typeof token !== 'string' || token === '') throw new Error('the token is no string');
      if (!tokens.includes(token)) tokens.push(token);
      if (tokens.length > 8) tokens.shift();
      return token;
    },
    redact: (text) => redacted(user, [...tokens, clientSecret ?? '', refreshToken ?? ''])(text),
  };
}

/** nodemailer fetches, keeps and renews the token, once for all who ask at a time. */
function flow(auth: SmtpOAuth2Auth): (renew: boolean) => Promise<string> {
  const { user, accessToken, ...rest } = auth;
  const options = {
    user,
    accessToken: typeof accessToken === 'string' ? accessToken : undefined,
    clientId: rest.clientId,
    clientSecret: rest.clientSecret,
    refreshToken: rest.refreshToken,
    accessUrl: rest.accessUrl,
    serviceClient: rest.serviceClient,
    privateKey: rest.privateKey,
    scope: rest.scope,
  };
  let oauth2: XOAuth2 | undefined;
  return async (renew) => {
    // Only with the first login: most apps have a password.
    const { default: XOAuth2 } = await import('nodemailer/lib/xoauth2');
    const flow = (oauth2 ??= new XOAuth2(options));
    return new Promise((resolve, reject) => {
      flow.getToken(renew, (error, token) => {
        if (error) reject(error);
        else resolve(token);
      });
    });
  };
}
