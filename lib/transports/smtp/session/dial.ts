import dns from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
import { MailDeliveryError } from '../../../base/errors.js';
import { withoutTrailingDot } from '../../../base/host-names.js';
import { onAbort } from '../../../base/on-abort.js';
import { ReplyLimit } from './reply-limit.js';
import type { SmtpContext } from './context.js';

/** Time an address gets before the next of the same host is tried too (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 1_000;

/**
 * Opens a socket to the server, with its TLS handshake done when `secure`. It is left unread.
 * @throws MailDeliveryError of stage `dns` or `connect`.
 */
export async function dial(context: SmtpContext, signal: AbortSignal): Promise<net.Socket> {
  const { host, localAddress } = context.options;
  if (localAddress === undefined || net.isIP(host) !== 0) return open(context, signal);
  // Node tries the first address alone where it has to connect from one. Those of its family can be reached from
  // it, and are tried in their order (RFC 5321 §5.1).
  let found: readonly string[] = [];
  const lookup: net.LookupFunction = (name, _options, done) => {
    dns.lookup(name, { all: true, family: net.isIP(localAddress) }, (error, list) => {
      found = error ? [] : list.map(({ address }) => address);
      done(error, found[0] ?? '', net.isIP(localAddress));
    });
  };
  const more = (at: number): boolean => at + 1 < found.length;
  for (let at = 0; ; at += 1) {
    try {
      const address = at === 0 ? undefined : found[at];
      return await open(context, signal, { address, lookup, more: () => more(at) });
    } catch (error) {
      const unreachable = error instanceof MailDeliveryError && error.code === 'MAIL_CONNECT';
      if (!unreachable || !more(at)) throw error;
    }
  }
}

/** One of several addresses. */
interface Way {
  /** Absent for the first, which is looked up. */
  readonly address: string | undefined;
  readonly lookup: net.LookupFunction;
  /** Whether another can be tried after it. */
  readonly more: () => boolean;
}

function open(context: SmtpContext, signal: AbortSignal, way?: Way): Promise<net.Socket> {
  const { options, errors, clock, secureContext } = context;
  const { host, port, secure, localAddress, timeouts } = options;
  if (signal.aborted) return Promise.reject(errors.aborted('connect', signal.reason));
  return new Promise((resolve, reject) => {
    const named = net.isIP(way?.address ?? host) === 0;
    let stage: 'dns' | 'connect' | 'tls' = named ? 'dns' : 'connect';
    const connectMs = () =>
      way?.more() ? Math.min(NEXT_ADDRESS_MS, timeouts.connectMs) : timeouts.connectMs;
    const target = {
      host,
      port,
      localAddress,
      ...(way && { host: way.address ?? host, lookup: way.lookup }),
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
      if (way) deadline.arm(timeouts.connectMs);
      const name = withoutTrailingDot(host);
      const servername = options.tls.servername ?? (net.isIP(host) === 0 ? name : undefined);
      const secured = tls.connect(
        { ...options.tls, secureContext: secureContext(), socket, host: name, servername },
        succeed,
      );
      current = secured.on('error', onError).on('close', onClose);
    };

    const forgetSignal = onAbort(signal, abort);
    deadline.arm(stage === 'dns' ? timeouts.dnsMs : connectMs());
    socket.on('error', onError).on('close', onClose).once('connect', onConnect);
    socket.once('lookup', (error: Error | null) => {
      if (error || stage !== 'dns') return;
      stage = 'connect';
      deadline.arm(connectMs());
    });
  });
}

function ignore(): void {
  return;
}
