import type { InjectionToken } from '@nestjs/common';
import { MailService } from './mail.service.js';

/**
 * The token of a module instance's MailService: the class itself for the default one, a string of its
 * own for each `name`.
 */
export function getMailToken(name?: string): InjectionToken<MailService> {
  return name === undefined || name === '' ? MailService : `MailService:${name}`;
}
