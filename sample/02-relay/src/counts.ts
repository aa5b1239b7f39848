import { Injectable } from '@nestjs/common';
import { MailService } from 'nestjs-mail-relay';

/** What this process has told in `events$`, counted. */
@Injectable()
export class Counts {
  queued = 0;
  sent = 0;
  /** Attempts after which a mail waits; it is deferred again and again while the server is away. */
  deferred = 0;
  dead = 0;

  constructor(mail: MailService) {
    mail.events$.subscribe(({ type }) => {
      if (type === 'queued' || type === 'sent' || type === 'deferred' || type === 'dead') {
        this[type] += 1;
      }
    });
  }
}
