import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createMail } from '../../lib/message/create-mail.js';
import { composeMime } from '../../lib/message/mime/compose.js';
import { messageOf } from '../messages.js';
import type { Cell, Load, StartLoad, Tally } from './cell.js';

const LF = 10;
const BODIES = Array.from({ length: 50 }, (_, i) => composeMime(createMail(messageOf(i))).bytes);
const envelope = (i: number): string =>
  `MAIL FROM:<hello@shop.example>\r\nRCPT TO:<customer-${i}@mail.example>\r\n`;

/** All messages behind each other as they go out with BDAT, and where each begins. */
const STREAM = Buffer.concat(
  BODIES.map((body, i) =>
    Buffer.concat([Buffer.from(`${envelope(i)}BDAT ${body.length} LAST\r\n`), body]),
  ),
);
const STARTS = [0];
BODIES.forEach((body, i) => {
  const head = `${envelope(i)}BDAT ${body.length} LAST\r\n`.length;
  STARTS.push(STARTS[i]! + head + body.length);
});
/** Each content with the next envelope behind it (RFC 2920), and each content alone. */
const LAST = BODIES.map((body) => Buffer.concat([body, Buffer.from('.\r\n')]));
const GROUPS = LAST.map((body, i) =>
  Buffer.concat([body, Buffer.from(`${envelope(i + 1)}DATA\r\n`)]),
);

/**
 * What the wire and the server could do: bytes composed beforehand, replies counted by their line
 * ends, nothing checked. The same window as ours.
 */
export const startRawWire: StartLoad = async (cell, tally) => {
  const drive = cell.mode === 'chunking' ? chunking : pipelining;
  const loads = await Promise.all(
    Array.from({ length: cell.connections }, async () => drive(await open(cell.port), cell, tally)),
  );
  return {
    stop: async () => {
      await Promise.all(loads.map((load) => load.stop()));
    },
  };
};

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'data');
  socket.write('EHLO bench.example\r\n');
  let reply = '';
  while (!/^250 .*\r\n$/m.test(reply)) reply += String((await once(socket, 'data'))[0]);
  return socket;
}

function linesIn(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

function chunking(socket: Socket, { window }: Cell, tally: Tally): Load {
  let lines = 0;
  let running = true;
  let inFlight = 0;
  let next = 0;
  let idle: (() => void) | undefined;
  const fill = (): void => {
    socket.cork();
    while (inFlight < window) {
      const count = Math.min(window - inFlight, BODIES.length - next);
      socket.write(STREAM.subarray(STARTS[next], STARTS[next + count]));
      inFlight += count;
      next = (next + count) % BODIES.length;
    }
    socket.uncork();
  };
  socket.on('data', (chunk: Buffer) => {
    lines += linesIn(chunk);
    for (; lines >= 3; lines -= 3) {
      inFlight -= 1;
      tally.ack();
    }
    if (running) fill();
    else if (inFlight === 0) idle?.();
  });
  fill();
  return {
    stop: () =>
      new Promise((resolve) => {
        running = false;
        idle = () => {
          socket.destroy();
          resolve();
        };
      }),
  };
}

function pipelining(socket: Socket, _cell: Cell, tally: Tally): Load {
  let lines = 1;
  let next = 0;
  let end: (() => void) | undefined;
  let ending = false;
  socket.on('data', (chunk: Buffer) => {
    lines += linesIn(chunk);
    if (ending) {
      if (lines === 0) return;
      tally.ack();
      socket.destroy();
      end?.();
      return;
    }
    if (lines < 4) return;
    lines = 0;
    // The first of these replies was to the content before; the very first envelope has none.
    if (next > 0) tally.ack();
    const i = next++ % BODIES.length;
    ending = end !== undefined;
    socket.write(ending ? LAST[i]! : GROUPS[i]!);
  });
  socket.write(`${envelope(0)}DATA\r\n`);
  return { stop: () => new Promise((resolve) => (end = resolve)) };
}
