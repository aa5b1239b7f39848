import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../lib/base/clock.js';
import { MailDeliveryError } from '../../lib/base/errors.js';
import { InFlight } from '../../lib/service/in-flight.js';
import { mailTo } from '../fixtures/mail.js';

const refused = new MailDeliveryError({
  code: 'MAIL_CONTENT',
  disposition: 'permanent',
  fault: 'message',
  stage: 'reply',
  message: 'refused',
});

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe('InFlight', () => {
  it('is idle at once when nothing runs', async () => {
    expect(await new InFlight(systemClock).whenIdle(60_000)).toBe(true);
  });

  it('waits for the last one and counts how each settled', async () => {
    const inFlight = new InFlight(systemClock);
    const [one, two] = [deferred<string>(), deferred<string>()];
    const first = inFlight.run(() => one.promise);
    const second = inFlight.run(() => two.promise);
    inFlight.resetCount();
    const idle = inFlight.whenIdle(60_000);
    one.resolve('ok');
    two.reject(refused);
    expect(await idle).toBe(true);
    await expect(first).resolves.toBe('ok');
    await expect(second).rejects.toBe(refused);
    expect(inFlight.count).toEqual({ sent: 1, failed: 1 });
  });

  it('says false at the timeout, and names what the transport then fails with its disposition', async () => {
    const inFlight = new InFlight(systemClock);
    const mail = mailTo('jo@example.com');
    const held = deferred<string>();
    const send = inFlight.run((identify) => {
      identify(mail);
      return held.promise;
    });
    expect(await inFlight.whenIdle(10)).toBe(false);
    const tearDown = () => {
      held.reject(
        new MailDeliveryError({
          code: 'MAIL_ABORTED',
          disposition: 'retry',
          fault: 'transport',
          stage: 'rcpt',
          message: 'torn down',
        }),
      );
      return Promise.resolve();
    };
    const [abandoned, outcome] = await Promise.all([
      inFlight.abandon(tearDown, 1_000),
      send.catch((error: unknown) => error),
    ]);
    expect(abandoned).toEqual([{ mail, disposition: 'retry' }]);
    expect(outcome).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
    expect(inFlight.count).toEqual({ sent: 0, failed: 0 });
  });

  it('answers for a transport that says nothing at all: unknown', async () => {
    const inFlight = new InFlight(systemClock);
    const mail = mailTo('jo@example.com');
    const never = new Promise<string>(() => undefined);
    const send = inFlight.run((identify) => {
      identify(mail);
      return never;
    });
    const outcome = send.catch((error: unknown) => error);
    expect(await inFlight.abandon(() => new Promise(() => undefined), 10)).toEqual([
      { mail, disposition: 'unknown' },
    ]);
    expect(await outcome).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'unknown' });
  });

  it('does not call abandoned what was sent at the last moment', async () => {
    const inFlight = new InFlight(systemClock);
    const held = deferred<string>();
    const send = inFlight.run((identify) => {
      identify(mailTo('jo@example.com'));
      return held.promise;
    });
    const abandoned = await inFlight.abandon(() => {
      held.resolve('accepted');
      return Promise.resolve();
    }, 1_000);
    expect(abandoned).toEqual([]);
    expect(inFlight.count).toEqual({ sent: 1, failed: 0 });
    await expect(send).resolves.toBe('accepted');
  });
});
