import type { OnApplicationShutdown } from '@nestjs/common';
import { Inbox } from 'mail-stand-ins/inbox';
import { startSendGridInbox } from 'mail-stand-ins/sendgrid-inbox';
import { startSmtpInbox } from 'mail-stand-ins/smtp-inbox';
import { createTransport, RouteTransport, type MailTransportConfig } from 'nestjs-mail-relay';
import { Link } from 'mail-stand-ins/link';

interface Closable {
  close(): Promise<void>;
}

export const STRATEGIES = ['failover', 'fastest'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Both transports to one provider, each over a network of its own, and the routes that choose. */
export class Transports implements OnApplicationShutdown {
  private constructor(
    readonly smtp: Link,
    readonly webApi: Link,
    readonly routes: Readonly<Record<Strategy, RouteTransport>>,
    private readonly standIns: readonly Closable[],
  ) {}

  static async open(): Promise<Transports> {
    const inbox = new Inbox();
    const smtpServer = await startSmtpInbox({ inbox });
    const apiServer = await startSendGridInbox({ inbox });
    const smtpUrl = new URL(smtpServer.url);
    const smtp = await Link.open(Number(smtpUrl.port));
    const webApi = await Link.open(Number(new URL(apiServer.url).port));
    smtpUrl.port = String(smtp.port);

    const transports = [
      { name: 'SMTP', transport: smtpUrl.href },
      {
        name: 'Web API',
        transport: {
          type: 'web-api',
          provider: 'sendgrid',
          apiKey: apiServer.apiKey,
          baseUrl: `http://127.0.0.1:${webApi.port}`,
        },
      },
    ] as const;
    const routes = { failover: open('failover', transports), fastest: open('fastest', transports) };
    return new Transports(smtp, webApi, routes, [smtpServer, apiServer]);
  }

  /** The mail module drains before this hook. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.smtp.block(), this.webApi.block()]);
    await Promise.all(this.standIns.map((standIn) => standIn.close()));
  }
}

function open(
  strategy: Strategy,
  transports: readonly { readonly name: string; readonly transport: MailTransportConfig }[],
): RouteTransport {
  const breaker = { trialAfterMs: 3_000 };
  const route = createTransport({ type: 'route', strategy, breaker, transports });
  if (!(route instanceof RouteTransport)) throw new Error('not a route');
  return route;
}
