import { Controller, HttpCode, Inject, Post, Req, type Type } from '@nestjs/common';
import type { WebhookRequest } from './raw-body.js';
import { WebhookReceiver } from './webhook-receiver.js';

/** A controller of its own for each path: Nest takes paths from the class. */
export function webhooksController(path: string): Type<unknown> {
  @Controller(path)
  class MailWebhooksController {
    constructor(@Inject(WebhookReceiver) private readonly receiver: WebhookReceiver) {}

    @Post()
    @HttpCode(204)
    receive(@Req() request: WebhookRequest): Promise<void> {
      return this.receiver.receive(request);
    }
  }
  return MailWebhooksController;
}
