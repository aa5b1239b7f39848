import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A real SMTP server that counts each Message-ID which it answered 250 for, or tried to. */
export class LedgerServer {
  readonly received = new Map<string, number>();
  /** Message-IDs whose content came and is not to be answered. */
  readonly swallow = new Set<string>();
  swallowed = 0;
  private readonly server: SMTPServer;
  private readonly waiting = new Set<() => void>();

  constructor(delayMs: () => number) {
    this.server = new SMTPServer({
      authOptional: true,
      hideSTARTTLS: true,
      logger: false,
      onData: (stream, _session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const head = Buffer.concat(chunks).toString('latin1');
          const id = /^message-id:\s*(<[^>]+>)/im.exec(head)?.[1] ?? '';
          if (this.swallow.has(id)) {
            this.swallowed += 1;
            this.tell();
            return;
          }
          setTimeout(() => {
            this.received.set(id, (this.received.get(id) ?? 0) + 1);
            this.tell();
            done(null);
          }, delayMs());
        });
      },
    });
    // A client that is killed resets its connections.
    this.server.on('error', () => undefined);
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server.server, 'listening');
    return (this.server.server.address() as AddressInfo).port;
  }

  /** Resolves once `condition` holds; looked at whenever a mail came. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private tell(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
