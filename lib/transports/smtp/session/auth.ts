import { createHmac } from 'node:crypto';
import { MailDeliveryError } from '../../../base/errors.js';
import type { Capabilities } from '../protocol/capabilities.js';
import type { SmtpContext } from './context.js';
import type { Credentials, TokenCredentials } from './credentials.js';
import type { Dialog } from './dialog.js';
import type { Reply } from '../protocol/reply.js';

type Ask = (line: string) => Promise<Reply>;

const PASSWORD_METHODS = ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const;

/**
 * Logs in (RFC 4954).
 * @throws MailDeliveryError MAIL_AUTH, to be tried again later: the credentials are the transport's, not the mail's.
 */
export async function authenticate(
  dialog: Dialog,
  credentials: Credentials,
  capabilities: Capabilities,
  { errors, options }: SmtpContext,
): Promise<void> {
  const offered = capabilities.auth;
  if (offered.size === 0) throw errors.auth('the server offers no AUTH');
  const { commandMs } = options.timeouts;
  const ask: Ask = (line) => dialog.command(line, 'auth', commandMs);
  /** The provider is not to be trusted with our time, nor with what it says. */
  const fetched = async ({ token, redact }: TokenCredentials, renew: boolean): Promise<string> => {
    try {
      return await dialog.during(token(renew), 'auth', commandMs, () =>
        errors.auth(`no access token within ${commandMs} ms`),
      );
    } catch (error) {
      if (error instanceof MailDeliveryError) throw error;
      const why = error instanceof Error ? redact(error.message) : 'the provider failed';
      throw errors.auth(`no access token: ${why}`);
    }
  };
  const tell = async (): Promise<Reply> => {
    if (credentials.kind === 'token') {
      const { user } = credentials;
      return withToken(ask, user, (renew) => fetched(credentials, renew));
    }
    const { method } = credentials;
    const chosen = method ?? PASSWORD_METHODS.find((one) => offered.has(one));
    if (chosen === undefined || !offered.has(chosen)) {
      throw errors.auth(`the server offers none of ${method ?? PASSWORD_METHODS.join(', ')}`);
    }
    return withPassword(ask, chosen, credentials.user, credentials.pass.reveal());
  };
  const reply = await tell();
  if (reply.kind !== 2) throw errors.refused('auth', reply.said(credentials.redact));
}

/** Longest command line, CRLF included (RFC 5321 §4.5.3.1.4). */
const MAX_COMMAND_BYTES = 512;

/**
 * A response that would make the command too long waits for the server's go-ahead (RFC 4954 §4). The line that it
 * then is may be as long as the mechanism asks for (12,288 octets).
 */
async function withInitial(ask: Ask, method: string, response: string): Promise<Reply> {
  const command = `AUTH ${method} ${response}`;
  if (command.length + 2 <= MAX_COMMAND_BYTES) return ask(command);
  const reply = await ask(`AUTH ${method}`);
  return reply.code === 334 ? ask(response) : reply;
}

async function withPassword(
  ask: Ask,
  method: (typeof PASSWORD_METHODS)[number],
  user: string,
  pass: string,
): Promise<Reply> {
  if (method === 'PLAIN') return withInitial(ask, method, base64(`\0${user}\0${pass}`));
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
  user: string,
  token: (renew: boolean) => Promise<string>,
): Promise<Reply> {
  const tryOnce = async (renew: boolean): Promise<Reply> => {
    const response = base64(`user=${user}\x01auth=Bearer ${await token(renew)}\x01\x01`);
    const reply = await withInitial(ask, 'XOAUTH2', response);
    // The error comes as a challenge; an empty answer brings the verdict.
    return reply.code === 334 ? ask('') : reply;
  };
  const reply = await tryOnce(false);
  return reply.kind === 5 ? tryOnce(true) : reply;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
