import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { MailError, MailValidationError } from 'nestjs-mail-relay';

/**
 * 400 with every fault for a bad message; 503 where the same request may succeed later; 502 where the
 * next hop refused for good or where nobody knows whether it took the mail.
 */
@Catch(MailError)
export class MailErrorFilter extends BaseExceptionFilter {
  override catch(error: MailError, host: ArgumentsHost): void {
    const { code, disposition, message } = error;
    if (error instanceof MailValidationError) {
      const body = { code, disposition, message: 'The message is not valid', issues: error.issues };
      return this.reply(400, body, host);
    }
    this.reply(disposition === 'retry' ? 503 : 502, { code, disposition, message }, host);
  }

  private reply(status: number, body: Record<string, unknown>, host: ArgumentsHost): void {
    super.catch(new HttpException(body, status), host);
  }
}
