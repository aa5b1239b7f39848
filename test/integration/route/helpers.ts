import { afterEach } from '@jest/globals';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { RouteTransport } from '../../../lib/transports/route/route.transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import { DroppedPort } from '../../fixtures/dropped-port.js';
import {
  ScriptedSmtpServer,
  type ScriptedSmtpOptions,
} from '../../fixtures/scripted-smtp-server.js';

/** Next hops and routes that are gone after each test. */
export function nextHops() {
  const cleanups: (() => Promise<unknown>)[] = [];
  const later = <T extends { close(): Promise<unknown> }>(made: T): T => {
    cleanups.push(() => made.close());
    return made;
  };
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    smtp: async (options: ScriptedSmtpOptions = {}, port = 0): Promise<ScriptedSmtpServer> =>
      later(await ScriptedSmtpServer.start(options, port)),
    webApi: async (port = 0): Promise<SendGridServer> => later(await startSendGridServer({ port })),
    dropped: async (): Promise<DroppedPort> => later(await DroppedPort.open()),
    route(transports: unknown, options: object = {}): RouteTransport {
      const made = createTransport({ type: 'route', strategy: 'failover', transports, ...options });
      if (!(made instanceof RouteTransport)) throw new Error('expected a route');
      cleanups.push(() => made.destroy());
      return made;
    },
  };
}

export const overSmtp = (port: number, options: object = {}) => ({
  type: 'smtp',
  host: '127.0.0.1',
  port,
  name: 'client.test',
  ...options,
});

export const overApi = ({ url }: { readonly url: string }, options: object = {}) => ({
  type: 'web-api',
  provider: 'sendgrid',
  apiKey: 'SG.stand-in',
  baseUrl: url,
  ...options,
});

/** Resolves once `condition` holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
