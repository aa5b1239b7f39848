import { connect as netConnect, isIP, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '../../clock.js';
import type { MailErrorCode, MailStage } from '../../errors.js';
import type { EngineOptions } from './engine-options.js';
import { roadFault } from './faults.js';

/** Opens the TCP connection, with TLS at once where `secure` says so. */
export function dial(options: EngineOptions, clock: Clock, signal: AbortSignal): Promise<Socket> {
  const { host, port, localAddress } = options;
  const where = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
  const socket = options.secure
    ? tlsConnect({ ...where, ...tlsOptions(options) })
    : netConnect(where);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return settle(socket, options, clock, signal, 'connect');
}

/** Begins TLS on a connection whose server has answered 220 to STARTTLS. */
export function secure(
  socket: Socket,
  options: EngineOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  const secured = tlsConnect({ ...tlsOptions(options), socket });
  return settle(secured, options, clock, signal, 'starttls');
}

function tlsOptions(options: EngineOptions): ConnectionOptions {
  const servername = isIP(options.host) === 0 ? options.host : undefined;
  return { ...(servername === undefined ? {} : { servername }), ...options.tls };
}

function settle(
  socket: Socket | TLSSocket,
  options: EngineOptions,
  clock: Clock,
  signal: AbortSignal,
  stage: 'connect' | 'starttls',
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const wanted = options.secure || stage === 'starttls' ? 'secureConnect' : 'connect';
    let connected = stage === 'starttls';
    const finish = (done: () => void): void => {
      cancelDeadline();
      signal.removeEventListener('abort', onAbort);
      socket
        .off(wanted, onReady)
        .off('connect', onConnect)
        .off('error', onError)
        .off('close', onClose);
      done();
    };
    const fail = (code: MailErrorCode, at: MailStage, what: string, cause?: unknown): void => {
      finish(() => {
        // A late error of a socket that is given up is nobody's business.
        socket.on('error', () => undefined);
        socket.destroy();
        const message = `${options.road}: ${what}.`;
        reject(roadFault(options.road, { code, stage: at, message, cause }));
      });
    };
    const onConnect = (): void => {
      connected = true;
    };
    const onReady = (): void => {
      finish(() => {
        resolve(socket);
      });
    };
    const onError = (cause: NodeJS.ErrnoException): void => {
      const why = cause.code ?? cause.message;
      if (cause.syscall === 'getaddrinfo')
        fail('MAIL_DNS', 'dns', `name lookup failed (${why})`, cause);
      else if (connected)
        fail('MAIL_TLS', 'starttls', `TLS could not be established (${why})`, cause);
      else fail('MAIL_CONNECT', 'connect', `no connection (${why})`, cause);
    };
    const onClose = (): void => {
      onError(new Error('the connection was closed'));
    };
    const onAbort = (): void => {
      fail('MAIL_ABORTED', stage, 'the connection was given up', signal.reason);
    };
    const cancelDeadline = clock.after(options.timeouts.connectMs, () => {
      if (connected) fail('MAIL_TLS', 'starttls', 'the TLS handshake took too long');
      else fail('MAIL_CONNECT', 'connect', 'the connection took too long');
    });
    socket.on('connect', onConnect).on(wanted, onReady).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
