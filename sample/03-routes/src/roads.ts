import type { OnApplicationShutdown } from '@nestjs/common';
import { Inbox } from 'mail-stand-ins/inbox';
import { startSendGridInbox } from 'mail-stand-ins/sendgrid-inbox';
import { startSmtpInbox } from 'mail-stand-ins/smtp-inbox';
import { createTransport, RouteTransport } from 'nestjs-mail-relay';
import { Link } from './link.js';

interface Closable {
  close(): Promise<void>;
}

/** Both roads to one provider, each over a network of its own, and the route that chooses. */
export class Roads implements OnApplicationShutdown {
  private constructor(
    readonly smtp: Link,
    readonly webApi: Link,
    readonly route: RouteTransport,
    private readonly standIns: readonly Closable[],
  ) {}

  static async open(): Promise<Roads> {
    const inbox = new Inbox();
    const smtpServer = await startSmtpInbox({ inbox });
    const apiServer = await startSendGridInbox({ inbox });
    const smtpUrl = new URL(smtpServer.url);
    const smtp = await Link.open(Number(smtpUrl.port));
    const webApi = await Link.open(Number(new URL(apiServer.url).port));
    smtpUrl.port = String(smtp.port);

    const route = createTransport({
      type: 'route',
      strategy: 'fastest',
      breaker: { trialAfterMs: 3_000 },
      transports: [
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
      ],
    });
    if (!(route instanceof RouteTransport)) throw new Error('not a route');
    return new Roads(smtp, webApi, route, [smtpServer, apiServer]);
  }

  /** The mail module drains before this hook. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.smtp.block(), this.webApi.block()]);
    await Promise.all(this.standIns.map((standIn) => standIn.close()));
  }
}
