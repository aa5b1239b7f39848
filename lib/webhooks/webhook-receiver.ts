import {
  BadRequestException,
  Inject,
  Injectable,
  InternalServerErrorException,
  Logger,
  PayloadTooLargeException,
  UnauthorizedException,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { systemClock } from '../base/clock.js';
import { MailConfigurationError } from '../base/errors.js';
import type { MailService } from '../service/mail.service.js';
import { getMailToken } from '../service/mail.tokens.js';
import {
  ParsedBodyError,
  readRawBody,
  TooLargeBodyError,
  type WebhookRequest,
} from './raw-body.js';
import { SeenEvents } from './seen-events.js';
import { readEvents } from './sendgrid-events.js';
import { signatureFault } from './signature.js';
import type { ResolvedWebhooksOptions } from './webhooks.options.js';

export const RESOLVED_OPTIONS = Symbol('nestjs-mail-relay:webhooks-options');
export const MAILER = Symbol('nestjs-mail-relay:webhooks-mailer');

const HEADER = 'x-twilio-email-event-webhook';

/** Lets in what the provider signed, and tells each of its events once. */
@Injectable()
export class WebhookReceiver implements OnModuleInit {
  private readonly logger = new Logger('MailWebhooks');
  private readonly seen: SeenEvents;
  private mail?: MailService;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedWebhooksOptions,
    @Inject(MAILER) private readonly mailer: string | undefined,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    this.seen = new SeenEvents(options.rememberedEvents);
  }

  /** @throws MailConfigurationError where no MailModule has that name */
  onModuleInit(): void {
    try {
      this.mail = this.modules.get<MailService>(getMailToken(this.mailer), { strict: false });
    } catch (cause) {
      const got = this.mailer === undefined ? 'none' : `'${this.mailer}', which none has`;
      throw new MailConfigurationError('mailer', 'the name of a MailModule', got, { cause });
    }
  }

  /** @throws HttpException with the status that the provider should see */
  async receive(request: WebhookRequest): Promise<void> {
    const body = await this.bodyOf(request);
    const { key, toleranceMs } = this.options;
    const signed = {
      body,
      signature: header(request, `${HEADER}-signature`),
      timestamp: header(request, `${HEADER}-timestamp`),
    };
    const fault = signatureFault(signed, key, systemClock.now(), toleranceMs);
    if (fault !== undefined) {
      this.logger.warn(`Refused an event webhook: ${fault}`);
      throw new UnauthorizedException(`Refused: ${fault}`);
    }
    // The provider's clock, as in its events; the signature has proved it.
    const read = readEvents(body.toString('utf8'), Number(signed.timestamp) * 1000);
    if (!read) throw new BadRequestException('The body is no list of events');
    if (read.unread > 0) {
      this.logger.warn(`Passed over ${read.unread} entries of a webhook that are no events`);
    }
    for (const event of read.events) {
      if (event.eventId !== undefined && !this.seen.isNew(event.eventId)) continue;
      this.mail?.reportFeedback(event);
    }
  }

  private async bodyOf(request: WebhookRequest): Promise<Buffer> {
    try {
      return await readRawBody(request);
    } catch (error) {
      if (error instanceof TooLargeBodyError) throw new PayloadTooLargeException();
      if (!(error instanceof ParsedBodyError)) throw error;
      // The provider tries again for a day, so that none is lost once the app is put right.
      this.logger.error(error.message);
      throw new InternalServerErrorException(error.message);
    }
  }
}

function header({ headers }: WebhookRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
