import {
  applyDecorators,
  Controller,
  HttpCode,
  Inject,
  Post,
  Req,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import type { WebhookRequest } from './raw-body.js';
import { WebhookReceiver } from './webhook-receiver.js';

/**
 * A controller of its own for each path: Nest takes paths from the class. The provider knows one address:
 * it does not move with the versions of an app's API.
 */
export function webhooksController(
  path: string,
  decorators: readonly MethodDecorator[],
): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  class MailWebhooksController {
    constructor(@Inject(WebhookReceiver) private readonly receiver: WebhookReceiver) {}

    @Post()
    @HttpCode(204)
    @applyDecorators(...decorators)
    receive(@Req() request: WebhookRequest): Promise<void> {
      return this.receiver.receive(request);
    }
  }
  return MailWebhooksController;
}
