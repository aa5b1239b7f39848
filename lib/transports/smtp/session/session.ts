import type { MailStage } from '../../../base/errors.js';
import { onAbort } from '../../../base/on-abort.js';
import { authenticate } from './auth.js';
import { type Capabilities, NO_CAPABILITIES, parseCapabilities } from '../protocol/capabilities.js';
import { Channel } from '../protocol/channel.js';
import type { SmtpContext } from './context.js';
import { dial } from './dial.js';
import { Dialog } from './dialog.js';
import type { Reply } from '../protocol/reply.js';
import type { SmtpReply } from '../protocol/smtp-reply.js';
import { Trace } from '../protocol/trace.js';
import { upgrade } from './upgrade.js';

/** A connection that is ready for mail. */
export interface Session {
  readonly channel: Channel;
  readonly capabilities: Capabilities;
  /** How the server introduced itself. */
  readonly greeting: string;
}

/**
 * Connects, greets, secures and logs in. All or nothing: on failure the socket is destroyed.
 * @throws MailDeliveryError of a transport fault.
 */
export async function openSession(
  context: SmtpContext,
  signal: AbortSignal,
  onStage: (stage: MailStage) => void,
): Promise<Session> {
  const { options, errors, credentials } = context;
  const socket = await dial(context, signal);
  // Groups are collected by us; the kernel need not wait for more.
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  const trace = Trace.begin(errors.transport, credentials?.redact);
  trace?.event(`connected to ${socket.remoteAddress ?? ''}`);
  let channel = new Channel(socket, trace);
  const stop = (): void => {
    channel.end({ kind: 'closed', reason: signal.reason });
  };
  const forgetSignal = onAbort(signal, stop);
  if (signal.aborted) stop();
  try {
    let dialog = new Dialog(channel, context, onStage);
    const hello = await greeting(dialog, context);
    let capabilities = await ehlo(dialog, context, options.secure);
    if (!options.secure && (await starttls(dialog, capabilities, context))) {
      const secured = await upgrade(channel.detach(), context, signal);
      trace?.event('TLS has begun');
      channel = new Channel(secured, trace);
      dialog = new Dialog(channel, context, onStage);
      // What was offered in the clear is worth nothing now (RFC 3207 §4.2).
      capabilities = await ehlo(dialog, context, true);
    }
    if (credentials) await authenticate(dialog, credentials, capabilities, context);
    if (signal.aborted) throw errors.aborted('connect', signal.reason);
    dialog.finish(credentials?.redact ?? unchanged);
    return { channel, capabilities, greeting: hello };
  } catch (error) {
    channel.end({ kind: 'closed' });
    throw error;
  } finally {
    forgetSignal();
  }
}

async function greeting(dialog: Dialog, { errors, options }: SmtpContext): Promise<string> {
  const reply = await dialog.next('greeting', options.timeouts.greetingMs);
  if (reply.kind !== 2) throw errors.refused('greeting', plain(reply));
  return reply.text;
}

async function ehlo(
  dialog: Dialog,
  { errors, options }: SmtpContext,
  secured: boolean,
): Promise<Capabilities> {
  const { commandMs } = options.timeouts;
  const hello = options.lmtp ? 'LHLO' : 'EHLO';
  let reply = await dialog.command(`${hello} ${options.name}`, 'ehlo', commandMs);
  if (reply.kind === 2)
    return parseCapabilities(reply, secured && options.tls.rejectUnauthorized !== false);
  // RFC 5321 §3.2: an old server that does not know EHLO may know HELO.
  if (reply.kind === 5 && !options.lmtp) {
    reply = await dialog.command(`HELO ${options.name}`, 'ehlo', commandMs);
    if (reply.kind === 2) return NO_CAPABILITIES;
  }
  throw errors.refused('ehlo', plain(reply));
}

/** Whether TLS is to begin now. */
async function starttls(
  dialog: Dialog,
  capabilities: Capabilities,
  { errors, options }: SmtpContext,
): Promise<boolean> {
  const { requireTLS, ignoreTLS, timeouts } = options;
  if (ignoreTLS) return false;
  if (!capabilities.startTls && !requireTLS) return false;
  if (!capabilities.startTls) throw errors.tls('starttls', 'the server does not offer STARTTLS');
  const reply = await dialog.command('STARTTLS', 'starttls', timeouts.commandMs, 220);
  if (reply.code === 220) return true;
  if (!requireTLS && reply.kind >= 4 && reply.code !== 421) return false;
  throw errors.refused('starttls', plain(reply));
}

/** No secret has been sent by then. */
function plain(reply: Reply): SmtpReply {
  return reply.said(unchanged);
}

function unchanged(text: string): string {
  return text;
}
