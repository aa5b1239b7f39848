import { lastValueFrom } from 'rxjs';
import type { MailService } from '../../lib/service/mail.service.js';
import { createMail } from '../../lib/message/create-mail.js';
import type { SmtpTransport } from '../../lib/transports/smtp/smtp.transport.js';
import { messageOf } from '../messages.js';

/** Mails in the relay at most while it is fed: a flow that lasts, not a flood that piles up. */
const MOST_INSIDE = 2_000;

const perSecond = (mails: number, from: number): number =>
  (mails / (performance.now() - from)) * 1_000;

/** Hands `mails` messages over, `concurrency` at once. Answers how many a second were taken. */
export async function handOver(
  mail: MailService,
  mails: number,
  concurrency: number,
): Promise<number> {
  function* source() {
    for (let n = 0; n < mails; n += 1) yield messageOf(n);
  }
  const from = performance.now();
  await lastValueFrom(mail.sendMany(source(), { concurrency }));
  return perSecond(mails, from);
}

/** Starts the worker on what is stored, if it does not run yet. Answers how many a second were delivered and settled. */
export async function drainBacklog(mail: MailService, mails: number): Promise<number> {
  const done = allSent(mail, mails).done;
  const from = performance.now();
  await mail.start();
  await done;
  return perSecond(mails, from);
}

/** From `send` to the server's answer, `mails` messages in a lasting flow. Answers how many a second. */
export async function flow(mail: MailService, mails: number): Promise<number> {
  const sent = allSent(mail, mails);
  async function* source() {
    for (let n = 0; n < mails; n += 1) {
      while (n - sent.count >= MOST_INSIDE) await sent.next();
      yield messageOf(n);
    }
  }
  const from = performance.now();
  await lastValueFrom(mail.sendMany(source()));
  await sent.done;
  return perSecond(mails, from);
}

/** The transport alone: mails that are made already, as many at once as it can carry and a fifth more. */
export async function alone(smtp: SmtpTransport, mails: number): Promise<number> {
  const made = Array.from({ length: 500 }, (_, n) => createMail(messageOf(n)));
  let next = 0;
  const lane = async () => {
    while (next < mails) await smtp.deliver(made[next++ % made.length]!);
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: Math.ceil(smtp.capacity * 1.2) }, lane));
  return perSecond(mails, from);
}

function allSent(mail: MailService, mails: number) {
  const state = { count: 0, wake: (): void => undefined };
  const done = new Promise<void>((resolve) => {
    mail.events$.subscribe(({ type }) => {
      if (type !== 'sent') return;
      state.count += 1;
      state.wake();
      if (state.count === mails) resolve();
    });
  });
  return {
    done,
    get count() {
      return state.count;
    },
    next: () => new Promise<void>((resolve) => (state.wake = resolve)),
  };
}
