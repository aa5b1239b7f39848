import { createHmac } from 'node:crypto';
import type { MailDeliveryError } from '../../errors.js';
import type { Capabilities } from './capabilities.js';
import type { Dialog } from './dialog.js';
import type { EngineAuth } from './engine-options.js';
import { roadFault } from './faults.js';
import { Reply } from './reply.js';

type Method = NonNullable<EngineAuth['method']>;

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/**
 * Logs in (RFC 4954).
 * @throws MailDeliveryError MAIL_AUTH, to be tried again later: the credentials are the road's, not the mail's.
 */
export async function authenticate(
  dialog: Dialog,
  auth: EngineAuth,
  caps: Capabilities,
  road: string,
  commandMs: number,
): Promise<void> {
  const method = chooseMethod(auth, caps);
  if (method === undefined) {
    throw authFault(road, `offers none of the login methods that the credentials fit`);
  }
  const ask = (line: string): Promise<Reply> => dialog.command(line, 'auth', commandMs);
  let reply: Reply;
  let secrets: string[];
  if (method === 'XOAUTH2') {
    [reply, secrets] = await xoauth2(ask, auth, road, false);
    // 535 with a token may only mean that it has run out.
    if (reply.kind === 5) [reply, secrets] = await xoauth2(ask, auth, road, true);
  } else {
    [reply, secrets] = await withPassword(method, ask, auth.user, auth.pass ?? '');
  }
  if (reply.kind === 2) return;
  throw authFault(road, 'refused the credentials', redact(reply, secrets));
}

function chooseMethod(auth: EngineAuth, caps: Capabilities): Method | undefined {
  if (auth.method) return caps.auth.has(auth.method) ? auth.method : undefined;
  const fitting: readonly Method[] = auth.accessToken
    ? ['XOAUTH2']
    : ['PLAIN', 'LOGIN', 'CRAM-MD5'];
  return fitting.find((method) => caps.auth.has(method));
}

type Ask = (line: string) => Promise<Reply>;

async function withPassword(
  method: Exclude<Method, 'XOAUTH2'>,
  ask: Ask,
  user: string,
  pass: string,
): Promise<[Reply, string[]]> {
  if (method === 'PLAIN') {
    const response = base64(`\0${user}\0${pass}`);
    return [await ask(`AUTH PLAIN ${response}`), [response, pass]];
  }
  let reply = await ask(`AUTH ${method}`);
  if (method === 'LOGIN') {
    if (reply.code === 334) reply = await ask(base64(user));
    if (reply.code === 334) reply = await ask(base64(pass));
    return [reply, [base64(pass), pass]];
  }
  if (reply.code !== 334) return [reply, [pass]];
  const challenge = Buffer.from(reply.text, 'base64');
  const digest = createHmac('md5', pass).update(challenge).digest('hex');
  const response = base64(`${user} ${digest}`);
  return [await ask(response), [response, digest, pass]];
}

async function xoauth2(
  ask: Ask,
  auth: EngineAuth,
  road: string,
  renew: boolean,
): Promise<[Reply, string[]]> {
  let token: string;
  try {
    token = await auth.accessToken!(renew);
  } catch (cause) {
    throw authFault(
      road,
      'could not be logged in to: no access token was to be had',
      undefined,
      cause,
    );
  }
  const response = base64(`user=${auth.user}\x01auth=Bearer ${token}\x01\x01`);
  let reply = await ask(`AUTH XOAUTH2 ${response}`);
  // The error comes as a challenge; an empty answer brings the verdict.
  if (reply.code === 334) reply = await ask('');
  return [reply, [response, token]];
}

function authFault(road: string, what: string, reply?: Reply, cause?: unknown): MailDeliveryError {
  if (reply?.code === 421) {
    const message = `${road} closed the session during the login: ${reply.response}`;
    return roadFault(road, { code: 'MAIL_SERVICE', stage: 'auth', message }, reply);
  }
  const words = reply ? `: ${reply.response.slice(0, 500)}` : '.';
  return roadFault(
    road,
    { code: 'MAIL_AUTH', stage: 'auth', message: `${road} ${what}${words}`, cause },
    reply,
  );
}

/** A server may repeat what it was sent; no credential may get into an error that way. */
function redact(reply: Reply, secrets: readonly string[]): Reply {
  let { text } = reply;
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '[redacted]');
  return new Reply(reply.code, text);
}
