import { randomBytes } from 'node:crypto';
import { written, type ArrivedMail, type Inbox } from './inbox.js';
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
  const { personalizations, from, template_id: template, content = [], attachments = [] } = mail;
  const subject = mail.subject ?? personalizations[0]?.subject ?? `Template ${template}`;
  const part = (type: string): string | undefined => content.find((c) => c.type === type)?.value;
  const write = ({ name, email }: SendGridAddress): string => written(name, email);
  const everyone = personalizations.flatMap(({ to, cc = [], bcc = [] }) => [...to, ...cc, ...bcc]);
  return {
    transport: 'Web API',
    from: write(from),
    to: personalizations.flatMap(({ to }) => to.map(write)).join(', '),
    recipients: everyone.map(({ email }) => email),
    subject,
    text: part('text/plain'),
    html: withImages(part('text/html'), attachments),
    attachments: attachments.map(({ filename, type, content: base64 }) => ({
      filename,
      contentType: type ?? DEFAULT_TYPE,
      size: Buffer.byteLength(base64, 'base64'),
    })),
    source: JSON.stringify(mail, null, 2),
  };
}

const DEFAULT_TYPE = 'application/octet-stream';

/** `<img src="cid:…">` shows the attachment that it names, as mail programs do. */
function withImages(
  html: string | undefined,
  attachments: NonNullable<SendGridMail['attachments']>,
): string | undefined {
  return attachments.reduce((done, { content_id: cid, type = DEFAULT_TYPE, content }) => {
    return cid ? done?.replaceAll(`"cid:${cid}"`, `"data:${type};base64,${content}"`) : done;
  }, html);
}
