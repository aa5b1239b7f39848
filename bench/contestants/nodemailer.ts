import { createTransport } from 'nodemailer';
import { messageOf } from '../messages.js';
import { startLanes, type StartLoad } from './cell.js';

/** nodemailer's pool, spared its reconnect after every hundred messages. */
export const startNodemailer: StartLoad = (cell, tally) => {
  const { port, connections: maxConnections } = cell;
  const transport = createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    maxConnections,
    maxMessages: Infinity,
  });
  const send = (i: number): Promise<unknown> => transport.sendMail(messageOf(i));
  const close = async (): Promise<void> => {
    transport.close();
  };
  return Promise.resolve(startLanes(2 * maxConnections, tally, send, close));
};
