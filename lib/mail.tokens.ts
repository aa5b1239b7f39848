import type { InjectionToken } from '@nestjs/common';
import { MailService } from './mail.service.js';

/**
 * The token of a module instance's MailService: the class itself for the default one, a string of its
 * own for each `name`.
 */
export function getMailToken(name?: string): InjectionToken<MailService> {
  return name === undefined || name === '' ? MailService : `MailService:${name}`;
}

/** The token of a module instance's road. Tests override it; apps give the option `transport`. */
export const getMailTransportToken = (name?: string): string => tokenOf('MailTransport', name);

/** The token of a module instance's clock. Tests override it to move time by hand. */
export const getMailClockToken = (name?: string): string => tokenOf('MailClock', name);

const tokenOf = (what: string, name?: string) =>
  name === undefined || name === '' ? what : `${what}:${name}`;
