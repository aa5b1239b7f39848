import net from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../../fixtures/mail.js';

interface Taken {
  readonly from: string;
  readonly to: string[];
  readonly content: string;
}

/**
 * A server with CHUNKING that keeps the transaction open when it refuses content, as RFC 3030 lets
 * it: MAIL is then refused as nested, RCPT adds to the open transaction, BDAT goes to all of them.
 */
class StickyServer {
  readonly taken: Taken[] = [];
  readonly verbs: string[] = [];
  private contents = 0;
  private readonly sockets = new Set<net.Socket>();
  private readonly server = net.createServer((socket) => {
    this.serve(socket);
  });

  /** `refuse` tells which contents, counted from 1, it refuses. */
  constructor(private readonly refuse: (count: number) => boolean) {}

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as net.AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true).on('error', () => undefined);
    let input = Buffer.alloc(0);
    let open: { from: string; to: string[] } | undefined;
    const answer = (line: string): string => {
      const verb = line.slice(0, 4);
      this.verbs.push(verb);
      const address = /<(.*)>/.exec(line)?.[1] ?? '';
      if (verb === 'EHLO') return '250-sticky\r\n250-PIPELINING\r\n250 CHUNKING';
      if (verb === 'RSET') {
        open = undefined;
        return '250 reset';
      }
      if (verb === 'MAIL') {
        if (open) return '503 nested MAIL';
        open = { from: address, to: [] };
        return '250 sender';
      }
      if (verb === 'RCPT') {
        open?.to.push(address);
        return open ? '250 recipient' : '503 no sender';
      }
      return verb === 'QUIT' ? '221 bye' : '500 what';
    };
    const content = (bytes: string): string => {
      this.contents += 1;
      if (!open || this.refuse(this.contents)) return '552 not this one';
      this.taken.push({ ...open, content: bytes });
      open = undefined;
      return '250 taken';
    };
    socket.write('220 sticky\r\n');
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk]);
      for (;;) {
        const end = input.indexOf('\r\n');
        if (end === -1) return;
        const line = input.toString('latin1', 0, end);
        const size = line.startsWith('BDAT') ? Number(line.split(' ')[1]) : 0;
        if (input.length < end + 2 + size) return;
        const body = input.toString('latin1', end + 2, end + 2 + size);
        input = input.subarray(end + 2 + size);
        socket.write(`${size > 0 ? content(body) : answer(line)}\r\n`);
        if (line === 'QUIT') socket.end();
      }
    });
  }
}

let server: StickyServer;
let transport: SmtpTransport;

afterEach(async () => {
  await transport.destroy();
  await server.stop();
});

async function start(refuse: (count: number) => boolean): Promise<void> {
  server = new StickyServer(refuse);
  const port = await server.start();
  transport = new SmtpTransport({ host: '127.0.0.1', port, pool: { maxConnections: 1 } });
}

describe('a server that keeps a transaction open after refusing its content', () => {
  it('never gets a mail to the recipients of another', async () => {
    await start((count) => count % 3 === 0);
    const mails = Array.from({ length: 20 }, (_, i) => testMail({ from: `s${i}@example.com` }));
    const outcomes = await Promise.allSettled(mails.map((mail) => transport.deliver(mail)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(6);
    expect(server.taken).toHaveLength(14);
    for (const { from, to, content } of server.taken) {
      const mail = mails.find(({ messageId }) => content.includes(messageId))!;
      expect({ from, to }).toEqual(mail.envelope);
    }
  });

  it('is told RSET only where that is needed', async () => {
    await start((count) => count === 2);
    for (let i = 0; i < 4; i += 1) await transport.deliver(testMail()).catch(() => undefined);
    expect(server.verbs.filter((verb) => verb === 'RSET')).toHaveLength(1);
  });
});
