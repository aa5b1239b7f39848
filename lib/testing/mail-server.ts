import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { MailConfigurationError } from '../base/errors.js';

/** A mail as a server received it. */
export interface ReceivedMail {
  /** Reverse-path. */
  readonly from: string;
  /** Who it was for, by the envelope. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly {
    readonly filename?: string;
    readonly contentType: string;
    readonly cid?: string;
    readonly content: Buffer;
  }[];
  readonly headers: ReadonlyMap<string, unknown>;
  /** All of it, as it came over the wire. */
  readonly raw: Buffer;
}

export interface MailServer {
  /** For the option `transport`. */
  readonly url: string;
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
  /** The next mail that nobody took with `next` yet; waits for it. */
  next(): Promise<ReceivedMail>;
  close(): Promise<void>;
}

export interface MailServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Answers what is wrong with a recipient (`'550 no such user'`), or nothing. */
  readonly refuse?: (recipient: string) => string | undefined;
}

/**
 * Starts a real SMTP server on this machine, for tests of a whole app.
 * @throws MailConfigurationError when `smtp-server` and `mailparser` are not installed.
 */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { SMTPServer, simpleParser } = await load();
  const mails: ReceivedMail[] = [];
  const waiting: ((mail: ReceivedMail) => void)[] = [];
  let given = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    logger: false,
    onAuth: (auth, _session, answer) => answer(null, { user: auth.username }),
    onRcptTo: ({ address }, _session, answer) => {
      const words = options.refuse?.(address);
      if (words === undefined) return answer();
      const [, code = '550', text = words]: (string | undefined)[] =
        /^(\d{3}) (.*)$/.exec(words) ?? [];
      answer(Object.assign(new Error(text), { responseCode: Number(code) }));
    },
    onData: (stream, { envelope }, answer) => {
      void (async () => {
        const raw = await buffer(stream);
        const parsed = await simpleParser(raw);
        const mail: ReceivedMail = {
          from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
          to: envelope.rcptTo.map(({ address }) => address),
          subject: parsed.subject ?? '',
          text: parsed.text ?? '',
          html: typeof parsed.html === 'string' ? parsed.html : '',
          attachments: parsed.attachments.map(({ filename, contentType, cid, content }) => ({
            ...(filename !== undefined && { filename }),
            contentType,
            ...(cid !== undefined && { cid }),
            content,
          })),
          headers: parsed.headers,
          raw,
        };
        mails.push(mail);
        answer();
        while (given < mails.length && waiting.length > 0) waiting.shift()!(mails[given++]!);
      })().catch((error: unknown) => answer(error as Error));
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    mails,
    next: () =>
      given < mails.length
        ? Promise.resolve(mails[given++]!)
        : new Promise((resolve) => waiting.push(resolve)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function load() {
  try {
    const [{ SMTPServer }, { simpleParser }] = await Promise.all([
      import('smtp-server'),
      import('mailparser'),
    ]);
    return { SMTPServer, simpleParser };
  } catch (cause) {
    throw new MailConfigurationError(
      'startMailServer()',
      'called with the packages smtp-server and mailparser installed',
      'at least one missing: run `npm install --save-dev smtp-server mailparser`',
      { cause },
    );
  }
}
