import { randomBytes } from 'node:crypto';
import type { ArrivedMail, Inbox } from './inbox.js';
import { startSendGridServer, type SendGridAddress, type SendGridMail } from './sendgrid-server.js';

export interface SendGridInboxOptions {
  /** Where what arrives goes. */
  readonly inbox: Inbox;
  /** Default 0: any free port. */
  readonly port?: number;
}

export interface SendGridInbox {
  readonly url: string;
  /** The one key that is let in, made anew each time. */
  readonly apiKey: string;
  close(): Promise<void>;
}

/** Starts a Web API that keeps SendGrid's rules and puts what it accepts into the inbox. */
export async function startSendGridInbox(options: SendGridInboxOptions): Promise<SendGridInbox> {
  const { inbox, port } = options;
  const apiKey = `SG.${randomBytes(12).toString('hex')}`;
  const server = await startSendGridServer({
    port,
    apiKey,
    onAccepted: ({ mail }) => inbox.add(arrived(mail)),
  });
  return { url: server.url, apiKey, close: () => server.close() };
}

function arrived(mail: SendGridMail): ArrivedMail {
  const { personalizations, from, subject, content, attachments = [] } = mail;
  const part = (type: string): string | undefined => content.find((c) => c.type === type)?.value;
  const everyone = personalizations.flatMap(({ to, cc = [], bcc = [] }) => [...to, ...cc, ...bcc]);
  return {
    road: 'Web API',
    from: written(from),
    to: personalizations.flatMap(({ to }) => to.map(written)).join(', '),
    recipients: everyone.map(({ email }) => email),
    subject,
    text: part('text/plain'),
    html: part('text/html'),
    attachments: attachments.map(({ filename, type, content: base64 }) => ({
      filename,
      contentType: type ?? 'application/octet-stream',
      size: Buffer.byteLength(base64, 'base64'),
    })),
    source: JSON.stringify(mail, null, 2),
  };
}

const written = ({ name, email }: SendGridAddress): string => (name ? `${name} <${email}>` : email);
