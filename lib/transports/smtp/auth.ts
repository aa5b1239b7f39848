import { createHmac } from 'node:crypto';
import type { Capabilities } from './capabilities.js';
import type { SmtpContext } from './context.js';
import type { Credentials, TokenCredentials } from './credentials.js';
import type { Dialog } from './dialog.js';
import type { Reply } from './reply.js';

type Ask = (line: string) => Promise<Reply>;

const PASSWORD_METHODS = ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const;

/**
 * Logs in (RFC 4954).
 * @throws MailDeliveryError MAIL_AUTH, to be tried again later: the credentials are the road's, not the mail's.
 */
export async function authenticate(
  dialog: Dialog,
  credentials: Credentials,
  capabilities: Capabilities,
  { errors, options }: SmtpContext,
): Promise<void> {
  const offered = capabilities.auth;
  if (offered.size === 0) throw errors.auth('the server offers no AUTH');
  const ask: Ask = (line) => dialog.command(line, 'auth', options.timeouts.commandMs);
  const tell = async (): Promise<Reply> => {
    if (credentials.kind === 'token') return withToken(ask, credentials, errors.auth.bind(errors));
    const { method } = credentials;
    const chosen = method ?? PASSWORD_METHODS.find((one) => offered.has(one));
    if (chosen === undefined || !offered.has(chosen)) {
      throw errors.auth(`the server offers none of ${method ?? PASSWORD_METHODS.join(', ')}`);
    }
    return withPassword(ask, chosen, credentials.user, credentials.pass);
  };
  const reply = await tell();
  if (reply.kind !== 2) throw errors.refused('auth', reply.said(credentials.redact));
}

async function withPassword(
  ask: Ask,
  method: (typeof PASSWORD_METHODS)[number],
  user: string,
  pass: string,
): Promise<Reply> {
  if (method === 'PLAIN') return ask(`AUTH PLAIN ${base64(`\0${user}\0${pass}`)}`);
  let reply = await ask(`AUTH ${method}`);
  if (reply.code !== 334) return reply;
  if (method === 'CRAM-MD5') {
    const challenge = Buffer.from(reply.text, 'base64');
    const digest = createHmac('md5', pass).update(challenge).digest('hex');
    return ask(base64(`${user} ${digest}`));
  }
  reply = await ask(base64(user));
  return reply.code === 334 ? ask(base64(pass)) : reply;
}

/** A refused token may only have run out: it is renewed once. */
async function withToken(
  ask: Ask,
  { user, token }: TokenCredentials,
  fault: (why: string) => Error,
): Promise<Reply> {
  for (const renew of [false, true]) {
    let current: string;
    try {
      current = await token(renew);
    } catch (error) {
      throw fault(
        `no access token: ${error instanceof Error ? error.message : 'the provider failed'}`,
      );
    }
    const response = base64(`user=${user}\x01auth=Bearer ${current}\x01\x01`);
    let reply = await ask(`AUTH XOAUTH2 ${response}`);
    // The error comes as a challenge; an empty answer brings the verdict.
    if (reply.code === 334) reply = await ask('');
    if (reply.kind !== 5 || renew) return reply;
  }
  throw fault('the token was refused');
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
