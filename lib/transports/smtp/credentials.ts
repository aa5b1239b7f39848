import XOAuth2 from 'nodemailer/lib/xoauth2';
import { redactor } from './smtp-reply.js';
import type { SmtpAuth, SmtpOAuth2Auth } from './smtp-security.options.js';

/** What the connections of a pool log in with. They share it, so that a token is fetched once. */
export interface Credentials {
  /** What the client's `login` takes; a copy of its own for each, since that writes into it. */
  forLogin(): object;
  /** Takes every form of the secrets out of a text. */
  readonly redact: (text: string) => string;
}

export function credentialsOf(auth: SmtpAuth): Credentials {
  return 'pass' in auth ? passwordCredentials(auth) : tokenCredentials(auth);
}

function passwordCredentials({ user, pass, method }: SmtpAuth & { pass: string }): Credentials {
  return {
    forLogin: () => ({ user, pass, method }),
    redact: redactor(user, [pass]),
  };
}

function tokenCredentials(auth: SmtpOAuth2Auth): Credentials {
  const { user, accessToken, clientSecret, refreshToken } = auth;
  const secrets = new Set([clientSecret ?? '', refreshToken ?? '']);
  if (typeof accessToken === 'string') secrets.add(accessToken);
  const oauth2 = new XOAuth2({
    user,
    accessToken: typeof accessToken === 'string' ? accessToken : undefined,
    clientId: auth.clientId,
    clientSecret,
    refreshToken,
    accessUrl: auth.accessUrl,
    serviceClient: auth.serviceClient,
    privateKey: auth.privateKey,
    scope: auth.scope,
    provisionCallback: typeof accessToken === 'function' ? provision(accessToken) : undefined,
  });
  oauth2.on('token', (token: { accessToken: string }) => {
    // Only the last few can still be quoted to us.
    if (secrets.size > 10) secrets.delete([...secrets][2]!);
    secrets.add(token.accessToken);
  });
  return {
    forLogin: () => ({ user, oauth2, method: 'XOAUTH2' }),
    redact: (text) => redactor(user, [...secrets])(text),
  };
}

function provision(getToken: (renew: boolean) => Promise<string>) {
  return (
    _user: string,
    renew: boolean,
    callback: (error: Error | null, accessToken?: string) => void,
  ) => {
    getToken(renew).then(
      (token) => {
        callback(null, token);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error('the token provider failed'));
      },
    );
  };
}
