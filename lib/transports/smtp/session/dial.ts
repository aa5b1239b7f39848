import net from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../../../base/clock.js';
import type { MailDeliveryError } from '../../../base/errors.js';
import { onAbort } from '../../../base/on-abort.js';
import { ReplyLimit } from './reply-limit.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { ResolvedSmtpOptions } from '../options/smtp.options.js';

/** Time an address gets before the next of the same host is tried too (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 1_000;

/**
 * Opens a socket to the server, with its TLS handshake done when `secure`. It is left unread.
 * @throws MailDeliveryError of stage `dns` or `connect`.
 */
export function dial(
  options: ResolvedSmtpOptions,
  errors: SmtpErrors,
  clock: Clock,
  signal: AbortSignal,
): Promise<net.Socket> {
  const { host, port, secure, localAddress, timeouts } = options;
  if (signal.aborted) return Promise.reject(errors.aborted('connect', signal.reason));
  return new Promise((resolve, reject) => {
    let stage: 'dns' | 'connect' | 'tls' = net.isIP(host) === 0 ? 'dns' : 'connect';
    const target = {
      host,
      port,
      localAddress,
      autoSelectFamily: localAddress === undefined,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    };
    const socket = net.connect(target);
    let current: net.Socket = socket;
    const deadline = new ReplyLimit(clock, (ms) => {
      fail(
        stage === 'tls'
          ? errors.tls('connect', `no handshake within ${ms} ms`)
          : errors.timeout(stage, ms),
      );
    });

    const settle = () => {
      deadline.clear();
      forgetSignal();
      current.off('error', onError).off('close', onClose).on('error', ignore);
      socket.off('error', onError).off('close', onClose).on('error', ignore);
    };
    const fail = (error: MailDeliveryError) => {
      settle();
      current.destroy();
      socket.destroy();
      reject(error);
    };
    const succeed = () => {
      settle();
      resolve(current);
    };
    const abort = () => {
      fail(errors.aborted(stage === 'dns' ? 'dns' : 'connect', signal.reason));
    };
    const onError = (error: NodeJS.ErrnoException) => {
      if (stage === 'tls') fail(errors.tls('connect', error.message, error));
      else fail(stage === 'dns' ? errors.dns(error) : errors.connect(error));
    };
    const onClose = () => {
      onError(new Error('the server closed the connection'));
    };
    const onConnect = () => {
      if (!secure) {
        succeed();
        return;
      }
      stage = 'tls';
      const servername = options.tls.servername ?? (net.isIP(host) === 0 ? host : undefined);
      const secured = tls.connect({ ...options.tls, socket, host, servername }, succeed);
      current = secured.on('error', onError).on('close', onClose);
    };

    const forgetSignal = onAbort(signal, abort);
    deadline.arm(stage === 'dns' ? timeouts.dnsMs : timeouts.connectMs);
    socket.on('error', onError).on('close', onClose).once('connect', onConnect);
    socket.once('lookup', (error: Error | null) => {
      if (error || stage !== 'dns') return;
      stage = 'connect';
      deadline.arm(timeouts.connectMs);
    });
  });
}

function ignore(): void {
  return;
}
