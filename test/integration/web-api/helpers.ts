import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { MailDeliveryError } from '../../../lib/base/errors.js';
import type { Mail } from '../../../lib/message/mail.js';
import type { DeliverOptions } from '../../../lib/transports/transport.js';
import type { WebApiTransportOptions } from '../../../lib/transports/web-api/web-api.options.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';

export const KEY = 'SG.stand-in';

export function openTransport(
  baseUrl: string,
  options: Partial<WebApiTransportOptions> = {},
): WebApiTransport {
  return new WebApiTransport({ provider: 'sendgrid', apiKey: KEY, baseUrl, ...options });
}

/** The error that an attempt fails with. */
export async function failure(
  transport: WebApiTransport,
  mail: Mail,
  options?: DeliverOptions,
): Promise<MailDeliveryError> {
  return caught(transport.deliver(mail, options));
}

export async function caught(work: Promise<unknown>): Promise<MailDeliveryError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof MailDeliveryError) return error;
  throw new Error('Expected a MailDeliveryError', { cause: error });
}

export interface RawServer {
  readonly url: string;
  readonly sockets: Socket[];
  /** Everything that came in, by socket. */
  readonly received: Buffer[];
  close(): Promise<void>;
}

/** A TCP server for what no HTTP server would do. `onData` is called with all bytes so far. */
export async function rawServer(
  onData: (socket: Socket, received: Buffer) => void,
): Promise<RawServer> {
  const sockets: Socket[] = [];
  const received: Buffer[] = [];
  const server: Server = createServer((socket) => {
    const index = sockets.push(socket) - 1;
    received[index] = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received[index] = Buffer.concat([received[index]!, chunk]);
      onData(socket, received[index]);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    received,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
