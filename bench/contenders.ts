import { connect, type Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { createTransport } from 'nodemailer';
import { MailModule, MailService, SmtpTransport } from '../lib/index.js';
import { createMail } from '../lib/message/create-mail.js';
import { composeMime } from '../lib/message/mime/compose.js';

/** One way to send; `send` resolves once the server has accepted the message. */
export interface Contender {
  readonly send: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

export interface Target {
  readonly port: number;
  readonly connections: number;
  readonly window: number;
  /** Whether the server offers CHUNKING: the raw client speaks BDAT only. */
  readonly chunking: boolean;
}

const line = 'Your order has left our house and is on its way to you with the morning van.';
const text = Array.from({ length: 14 }, (_, i) => `${i + 1}. ${line.slice(i % 20)}\n`).join('');
const rows = Array.from({ length: 14 }, (_, i) => `<p>${i + 1}. ${line.slice(i % 20, 68)}</p>\n`);
const html = `<!doctype html>\n<html><body style="color:#222">\n${rows.join('')}</body></html>\n`;

let made = 0;
function message() {
  made += 1;
  return {
    from: 'Shop <hello@shop.example>',
    to: `customer-${made}@example.net`,
    subject: `Your order ${made} is on its way`,
    text,
    html,
  };
}

const roadOf = ({ port, connections, window }: Target) => ({
  host: '127.0.0.1',
  port,
  pool: { maxConnections: connections, maxInFlight: window, maxMessages: 0, maxQueued: 100_000 },
});

/** The whole way: a Nest app, `MailService.send`, composing included. */
export async function service(target: Target): Promise<Contender> {
  const module = MailModule.forRoot({ transport: { type: 'smtp', ...roadOf(target) } });
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  const mail = app.get(MailService);
  return { send: () => mail.send(message()), close: () => app.close() };
}

/** The transport alone, given finished mails. */
export function transport(target: Target): Promise<Contender> {
  const road = new SmtpTransport(roadOf(target));
  const send = () => road.deliver(createMail(message()));
  return Promise.resolve({ send, close: () => road.close() });
}

export function nodemailer({ port, connections }: Target): Promise<Contender> {
  const pool = createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    ignoreTLS: true,
    maxConnections: connections,
    maxMessages: Infinity,
  });
  const close = () => {
    pool.close();
    return Promise.resolve();
  };
  return Promise.resolve({ send: () => pool.sendMail(message()), close });
}

/** The ceiling: one message composed once, its bytes written over and over, replies only counted. */
export async function raw({ port, connections, window }: Target): Promise<Contender> {
  const { bytes } = composeMime(createMail(message()))!;
  const head = 'MAIL FROM:<hello@shop.example>\r\nRCPT TO:<customer@example.net>\r\n';
  const group = Buffer.concat([Buffer.from(`${head}BDAT ${bytes.length} LAST\r\n`), bytes]);
  const lanes = await Promise.all(
    Array.from({ length: connections }, () => RawLane.open(port, group, window)),
  );
  let next = 0;
  const send = () => lanes[next++ % lanes.length]!.send();
  return {
    send,
    close: () => {
      for (const lane of lanes) lane.close();
      return Promise.resolve();
    },
  };
}

class RawLane {
  private readonly inFlight: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];
  private lines = 0;
  private scheduled = false;

  private constructor(
    private readonly socket: Socket,
    private readonly group: Buffer,
    private readonly window: number,
  ) {
    socket.on('data', (chunk) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) this.lines += 1;
      while (this.lines >= 3 && this.inFlight.length > 0) {
        this.lines -= 3;
        this.inFlight.shift()!();
      }
      this.schedule();
    });
  }

  static async open(port: number, group: Buffer, window: number): Promise<RawLane> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const until = (end: RegExp) =>
      new Promise<void>((resolve) => {
        const read = (chunk: Buffer): void => {
          if (!end.test(chunk.toString())) return;
          socket.off('data', read);
          resolve();
        };
        socket.on('data', read);
      });
    await until(/^220/m);
    socket.write('EHLO bench.test\r\n');
    await until(/^250 /m);
    return new RawLane(socket, group, window);
  }

  send(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.schedule();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      const count = Math.min(this.window - this.inFlight.length, this.waiting.length);
      if (count <= 0) return;
      this.inFlight.push(...this.waiting.splice(0, count));
      this.socket.write(Buffer.concat(Array.from({ length: count }, () => this.group)));
    });
  }
}
