import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { MailDeliveryError } from '../../../base/errors.js';
import { isLoopback, withoutTrailingDot } from '../../../base/host-names.js';
import { onAbort } from '../../../base/on-abort.js';
import type { SmtpContext } from './context.js';

/**
 * Begins TLS on a connection whose server has answered 220 to STARTTLS.
 * @throws MailDeliveryError MAIL_TLS when the handshake fails, or the certificate is not to be trusted.
 */
export function upgrade(
  plain: Socket,
  { options, errors, clock, secureContext }: SmtpContext,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, tls, timeouts } = options;
  return new Promise((resolve, reject) => {
    const named = withoutTrailingDot(host);
    const servername = tls.servername ?? (isIP(host) === 0 ? named : undefined);
    const settle = (): void => {
      cancelDeadline();
      forgetSignal();
      secured.off('error', onError).off('close', onClose).on('error', ignore);
    };
    const secured = connect(
      { ...tls, secureContext: secureContext(), socket: plain, host: named, servername },
      () => {
        settle();
        resolve(secured);
      },
    );
    const fail = (error: MailDeliveryError): void => {
      settle();
      secured.destroy();
      plain.destroy();
      reject(error);
    };
    const onError = (error: Error): void => {
      const fix = isLoopback(host) && isUntrusted(error) ? `. ${LOOPBACK_FIX}` : '';
      fail(errors.tls('starttls', `${error.message}${fix}`, error));
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

/**
 * A mail server beside the app has often a certificate that it made for itself. STARTTLS is taken where it is
 * offered, so that each mail would fail; it is not passed over silently.
 */
const LOOPBACK_FIX =
  'The server is on this machine: give its certificate as `tls.ca` (and its name as `tls.servername`), or set ' +
  '`ignoreTLS: true` to speak to it in plain text, which does not leave the machine';

/** The handshake failed over the certificate. */
function isUntrusted({ code }: NodeJS.ErrnoException): boolean {
  return /CERT|SIGNATURE|ERR_TLS_CERT|ALTNAME/.test(code ?? '');
}

function ignore(): void {
  return;
}
