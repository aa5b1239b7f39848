import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { MailDeliveryError } from '../../../base/errors.js';
import { onAbort } from '../../../base/on-abort.js';
import type { SmtpContext } from './context.js';

/**
 * Begins TLS on a connection whose server has answered 220 to STARTTLS.
 * @throws MailDeliveryError MAIL_TLS when the handshake fails, or the certificate is not to be trusted.
 */
export function upgrade(
  plain: Socket,
  { options, errors, clock }: SmtpContext,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, tls, timeouts } = options;
  return new Promise((resolve, reject) => {
    const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
    const settle = (): void => {
      cancelDeadline();
      forgetSignal();
      secured.off('error', onError).off('close', onClose).on('error', ignore);
    };
    const secured = connect({ ...tls, socket: plain, host, servername }, () => {
      settle();
      resolve(secured);
    });
    const fail = (error: MailDeliveryError): void => {
      settle();
      secured.destroy();
      plain.destroy();
      reject(error);
    };
    const onError = (error: Error): void => {
      fail(errors.tls('starttls', error.message, error));
    };
    const onClose = (): void => {
      fail(errors.tls('starttls', 'the server closed the connection'));
    };
    const abort = (): void => {
      fail(errors.aborted('starttls', signal.reason));
    };
    const cancelDeadline = clock.after(timeouts.commandMs, () => {
      fail(errors.tls('starttls', `no handshake within ${timeouts.commandMs} ms`));
    });
    plain.on('error', ignore);
    secured.on('error', onError).on('close', onClose);
    const forgetSignal = onAbort(signal, abort);
    if (signal.aborted) abort();
  });
}

function ignore(): void {
  return;
}
