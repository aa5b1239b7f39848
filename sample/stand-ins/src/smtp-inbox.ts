import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { simpleParser, type AddressObject, type EmailAddress } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { written, type ArrivedMail, type Inbox } from './inbox.js';

export interface SmtpInboxOptions {
  /** Where what arrives goes. */
  readonly inbox: Inbox;
  /** Default `127.0.0.1`: for this machine only. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: made anew each time. */
  readonly password?: string;
  /** Offers STARTTLS with this certificate. Default: not offered. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface SmtpInbox {
  /** `smtp://user:password@host:port`. */
  readonly url: string;
  close(): Promise<void>;
}

const USER = 'sample';
const MAX_BYTES = 30 * 1024 * 1024;

/**
 * Starts a real SMTP server that wants a login and puts what it
 * accepts into the inbox. It refuses recipients whose local part is `refused`, to show what then happens.
 */
export async function startSmtpInbox(options: SmtpInboxOptions): Promise<SmtpInbox> {
  const { inbox, host = '127.0.0.1', port = 0, tls } = options;
  const { password = randomBytes(12).toString('hex') } = options;
  const server = new SMTPServer({
    ...tls,
    disabledCommands: tls ? [] : ['STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    size: MAX_BYTES,
    closeTimeout: 1000,
    onAuth: ({ username, password: given }, _session, callback) => {
      if (username === USER && given === password) callback(null, { user: USER });
      else callback(reply(535, 'Authentication failed'));
    },
    onRcptTo: ({ address }, _session, callback) => {
      if (/^refused@/i.test(address)) callback(reply(550, `<${address}>: no such mailbox here`));
      else callback();
    },
    onData: (stream, session, callback) => {
      receive(stream, session).then(
        (mail) => callback(null, `OK: queued as ${inbox.add(mail).id}`),
        (error: unknown) => callback(error instanceof Error ? error : reply(451, String(error))),
      );
    },
  });
  // A client that breaks its connection must not end the process.
  server.on('error', () => undefined);
  const bound = await new Promise<AddressInfo>((resolve, reject) => {
    const listener = server.listen(port, host, () => resolve(listener.address() as AddressInfo));
    listener.once('error', reject);
  });
  return {
    url: `smtp://${USER}:${password}@${host}:${bound.port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function receive(
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<ArrivedMail> {
  const raw = await buffer(stream);
  if (stream.sizeExceeded) throw reply(552, 'The message is too big');
  const { mailFrom, rcptTo } = session.envelope;
  // Only what the message really holds: no text made out of its html, and the other way round.
  const mail = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true });
  return {
    transport: 'SMTP',
    from: addresses(mail.from) || (mailFrom ? mailFrom.address : ''),
    to: addresses(mail.to),
    recipients: rcptTo.map(({ address }) => address),
    subject: mail.subject ?? '',
    text: mail.text === '' ? undefined : mail.text,
    html: mail.html === false ? undefined : mail.html,
    attachments: mail.attachments.map(({ filename, contentType, size }) => ({
      filename: filename ?? 'unnamed',
      contentType,
      size,
    })),
    source: raw.toString('utf8'),
  };
}

function addresses(header: AddressObject | AddressObject[] = []): string {
  const all = Array.isArray(header) ? header : [header];
  const write = ({ name, address, group }: EmailAddress): string =>
    group ? `${name}: ${group.map(write).join(', ')};` : written(name, address ?? '');
  return all.flatMap(({ value }) => value.map(write)).join(', ');
}

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
