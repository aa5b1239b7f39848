import type { Clock } from '../../clock.js';
import { authenticate } from './auth.js';
import { type Capabilities, NO_CAPABILITIES, parseCapabilities } from './capabilities.js';
import { Channel } from './channel.js';
import { dial, secure } from './dial.js';
import { Dialog } from './dialog.js';
import type { EngineOptions } from './engine-options.js';
import { roadFault, words } from './faults.js';

/** A connection that is ready for mail. */
export interface Session {
  readonly channel: Channel;
  readonly capabilities: Capabilities;
}

/**
 * Connects, greets, secures and logs in. All or nothing: on failure the socket is destroyed.
 * @throws MailDeliveryError with disposition `retry` and fault `road`.
 */
export async function openSession(
  options: EngineOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Session> {
  const socket = await dial(options, clock, signal);
  let channel = new Channel(socket);
  const stop = (): void => {
    channel.end({ kind: 'closed' });
  };
  signal.addEventListener('abort', stop);
  try {
    let dialog = new Dialog(channel, options.road, clock);
    await greeting(dialog, options);
    let capabilities = await ehlo(dialog, options);
    if (!options.secure && (await starttls(dialog, capabilities, options))) {
      const secured = await secure(channel.detach(), options, clock, signal);
      channel = new Channel(secured);
      dialog = new Dialog(channel, options.road, clock);
      // What was offered in the clear is worth nothing now (RFC 3207 §4.2).
      capabilities = await ehlo(dialog, options);
    }
    if (options.auth) {
      await authenticate(
        dialog,
        options.auth,
        capabilities,
        options.road,
        options.timeouts.commandMs,
      );
    }
    if (signal.aborted) stop();
    return { channel, capabilities };
  } catch (error) {
    channel.end({ kind: 'closed' });
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function greeting(dialog: Dialog, { road, timeouts }: EngineOptions): Promise<void> {
  const reply = await dialog.next('greeting', timeouts.greetingMs);
  if (reply.kind === 2) return;
  const message = `${road} is not taking mail: ${words(reply)}`;
  throw roadFault(road, { code: 'MAIL_SERVICE', stage: 'greeting', message }, reply);
}

async function ehlo(dialog: Dialog, options: EngineOptions): Promise<Capabilities> {
  const { road, name, timeouts } = options;
  let reply = await dialog.command(`EHLO ${name}`, 'ehlo', timeouts.commandMs);
  if (reply.kind === 2) return parseCapabilities(reply);
  // RFC 5321 §3.2: an old server that does not know EHLO may know HELO.
  if (reply.kind === 5 && reply.code !== 521 && reply.code !== 550) {
    reply = await dialog.command(`HELO ${name}`, 'ehlo', timeouts.commandMs);
    if (reply.kind === 2) return NO_CAPABILITIES;
  }
  const message = `${road} refused our EHLO: ${words(reply)}`;
  throw roadFault(road, { code: 'MAIL_SERVICE', stage: 'ehlo', message }, reply);
}

/** Whether TLS is to begin now. */
async function starttls(
  dialog: Dialog,
  capabilities: Capabilities,
  options: EngineOptions,
): Promise<boolean> {
  const { road, requireTLS, ignoreTLS, timeouts } = options;
  if (ignoreTLS && !requireTLS) return false;
  if (!capabilities.startTls) {
    if (!requireTLS) return false;
    const message = `${road} does not offer STARTTLS, and TLS is required; nothing was sent in the clear.`;
    throw roadFault(road, { code: 'MAIL_TLS', stage: 'starttls', message });
  }
  const reply = await dialog.command('STARTTLS', 'starttls', timeouts.commandMs, true);
  if (reply.code === 220) return true;
  if (!requireTLS && reply.kind !== 2 && reply.code !== 421) return false;
  const message = `${road} refused STARTTLS: ${words(reply)}`;
  throw roadFault(road, { code: 'MAIL_TLS', stage: 'starttls', message }, reply);
}
