import type { OnApplicationShutdown } from '@nestjs/common';
import { Inbox } from 'mail-stand-ins/inbox';
import { startSendGridInbox } from 'mail-stand-ins/sendgrid-inbox';
import { startSmtpInbox } from 'mail-stand-ins/smtp-inbox';
import type { MailTransportConfig } from 'nestjs-mail-relay';

interface Closable {
  close(): Promise<void>;
}

/** Where the app's two mailers lead, and who writes to whom. */
export class Transports implements OnApplicationShutdown {
  constructor(
    readonly smtp: MailTransportConfig,
    readonly webApi: MailTransportConfig,
    readonly from: string,
    readonly to: string,
    /** What arrived at the stand-ins. */
    readonly inbox: Inbox,
    private readonly standIns: readonly Closable[],
  ) {}

  get emptyNote(): string {
    return this.standIns.length === 0
      ? 'Both transports lead to real providers, so nothing arrives here.'
      : 'Nothing has arrived yet.';
  }

  /** The mail modules drain before this hook: their last mail finds the stand-ins still open. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.standIns.map((standIn) => standIn.close()));
  }
}

/**
 * Each transport leads to the real provider when its variable is set (`SMTP_URL`, `SENDGRID_API_KEY`), else
 * to a stand-in on this machine.
 */
export async function openTransports(env: NodeJS.ProcessEnv): Promise<Transports> {
  const inbox = new Inbox();
  const smtp = await openSmtp(env['SMTP_URL'], inbox);
  const webApi = await openWebApi(env['SENDGRID_API_KEY'], inbox);
  const standIns = [smtp.standIn, webApi.standIn].filter((standIn) => standIn !== undefined);
  // A real provider sends only from and to real addresses.
  const real = standIns.length < 2;
  const address = (name: string, otherwise: string): string =>
    env[name] || (real ? missing(name) : otherwise);
  return new Transports(
    smtp.transport,
    webApi.transport,
    address('MAIL_FROM', 'Sample <sample@example.com>'),
    address('MAIL_TO', 'You <you@example.com>'),
    inbox,
    standIns,
  );
}

interface Transport {
  readonly transport: MailTransportConfig;
  readonly standIn?: Closable;
}

async function openSmtp(url: string | undefined, inbox: Inbox): Promise<Transport> {
  if (url) return { transport: url };
  const standIn = await startSmtpInbox({ inbox });
  return { transport: standIn.url, standIn };
}

async function openWebApi(apiKey: string | undefined, inbox: Inbox): Promise<Transport> {
  const common = { type: 'web-api', provider: 'sendgrid' } as const;
  if (apiKey) return { transport: { ...common, apiKey } };
  const standIn = await startSendGridInbox({ inbox });
  return { transport: { ...common, apiKey: standIn.apiKey, baseUrl: standIn.url }, standIn };
}

function missing(name: string): never {
  throw new Error(`Set ${name}: with a real provider there is no address to assume.`);
}
