import { createMail } from '../../lib/message/create-mail.js';
import { SmtpTransport } from '../../lib/transports/smtp/smtp.transport.js';
import { messageOf } from '../messages.js';
import { lanesFor, startLanes, type StartLoad } from './cell.js';

const MAILS = Array.from({ length: 500 }, (_, i) => createMail(messageOf(i)));

/** Our transport alone: mails that are validated already, composed and delivered. */
export const startTransport: StartLoad = (cell, tally) => {
  const { port, pool } = cell;
  const transport = new SmtpTransport({ host: '127.0.0.1', port, pool });
  const send = (i: number): Promise<unknown> => transport.deliver(MAILS[i % MAILS.length]!);
  return Promise.resolve(startLanes(lanesFor(cell), tally, send, () => transport.close()));
};
