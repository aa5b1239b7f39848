import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger, Scope, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  MailModule,
  MailService,
  OnMail,
  type MailAttemptEvent,
  type MailDrainedEvent,
  type MailFeedbackEvent,
  type MailSentEvent,
} from '../../../lib/index.js';

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
  jest.restoreAllMocks();
});

async function start(providers: Provider[]) {
  app = await Test.createTestingModule({
    imports: [MailModule.forRoot({ transport: 'memory:', defaults: { from: 'a@example.com' } })],
    providers,
  }).compile();
  await app.init();
  return app.get(MailService);
}
const message = { to: 'jo@example.com', text: '' };

describe('@OnMail', () => {
  it('calls the method with the events of its types', async () => {
    const heard: string[] = [];
    @Injectable()
    class Listener {
      private readonly mark = 'self';
      @OnMail('sent')
      sent(event: MailSentEvent) {
        heard.push(`${this.mark} ${event.type} ${event.accepted.join()}`);
      }
      @OnMail(['attempt', 'drained'])
      others(event: MailAttemptEvent | MailDrainedEvent) {
        heard.push(event.type);
      }
    }
    const mail = await start([Listener]);
    await mail.send(message);
    await app?.close();
    app = undefined;
    expect(heard).toEqual(['attempt', 'self sent jo@example.com', 'drained']);
  });

  it('hears what a provider’s webhook tells', async () => {
    const heard: string[] = [];
    @Injectable()
    class Listener {
      @OnMail('feedback')
      feedback({ kind, recipient }: MailFeedbackEvent) {
        heard.push(`${kind} ${recipient}`);
      }
    }
    const mail = await start([Listener]);
    mail.reportFeedback({
      provider: 'sendgrid',
      kind: 'bounced',
      event: 'bounce',
      recipient: 'jo@example.com',
      occurredAt: 0,
      tags: [],
      metadata: {},
    });
    expect(heard).toEqual(['bounced jo@example.com']);
  });

  it('gives each event an instance of a request-scoped listener', async () => {
    const instances = new Set<unknown>();
    let heard = 0;
    let both: () => void;
    const done = new Promise<void>((resolve) => (both = resolve));
    @Injectable({ scope: Scope.REQUEST })
    class Listener {
      @OnMail('sent')
      sent() {
        instances.add(this);
        heard += 1;
        if (heard === 2) both();
      }
    }
    const mail = await start([Listener]);
    await mail.send(message);
    await mail.send(message);
    await done;
    expect(instances.size).toBe(2);
  });

  it('keeps the error of a listener from the mail and from other listeners', async () => {
    const heard: string[] = [];
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    @Injectable()
    class Broken {
      @OnMail('attempt')
      attempt() {
        throw new Error('broken');
      }
      @OnMail('sent')
      async sent() {
        await Promise.resolve();
        throw new Error('broken later');
      }
    }
    @Injectable()
    class Fine {
      @OnMail(['attempt', 'sent'])
      any(event: { type: string }) {
        heard.push(event.type);
      }
    }
    const mail = await start([Broken, Fine]);
    await expect(mail.send(message)).resolves.toMatchObject({ status: 'sent' });
    await new Promise(setImmediate);
    expect(heard).toEqual(['attempt', 'sent']);
    const lines = logged.mock.calls.map(([line]) => String(line).split('\n')[0]);
    expect(lines).toEqual([
      "Broken.attempt failed on the event 'attempt': Error: broken",
      "Broken.sent failed on the event 'sent': Error: broken later",
    ]);
  });

  it('is refused for an event that there is not', () => {
    const listenTo = (types: string | readonly string[]) => () => {
      class Listener {
        @OnMail(types as 'sent')
        heard() {}
      }
      return Listener;
    };
    expect(listenTo('snet')).toThrow(
      /`@OnMail on Listener.heard` to be for one or more of queued, attempt, .*, got 'snet' \(did you mean 'sent'\?\)/,
    );
    expect(listenTo(['sent', 'bounced'])).toThrow(/got 'bounced'/);
    expect(listenTo([])).toThrow(/got none/);
  });

  it('is refused for a mailer that nobody registers', async () => {
    @Injectable()
    class Listener {
      @OnMail('sent', { mailer: 'bulk' })
      sent() {}
    }
    await expect(start([Listener])).rejects.toThrow(
      /`@OnMail on Listener.sent` to be about a mailer that a MailModule registers, got 'bulk'/,
    );
  });
});
