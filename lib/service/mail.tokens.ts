import type { InjectionToken } from '@nestjs/common';
import type { Clock } from '../base/clock.js';
import { MailService } from './mail.service.js';
import type { RelaySetup } from '../relay/relay-definition.js';
import type { MailTransport } from '../transports/transport.js';

/**
 * The token of a module instance's MailService: the class itself for the default one, a string of its
 * own for each `name`.
 */
export function getMailToken(name?: string): InjectionToken<MailService> {
  return name === undefined || name === '' ? MailService : `MailService:${name}`;
}

/** What a test puts in place of parts of a module instance. An app has none of it. */
export interface TestDoubles {
  readonly clock?: Clock;
  /** Stands in for a single transport, which is called `name`. */
  readonly transport?: (name: string) => MailTransport;
  readonly relay?: (setup: RelaySetup) => RelaySetup;
}

/** The token of a module instance's TestDoubles, which the testing subpath overrides. */
export const getTestDoublesToken = (name?: string): string =>
  name === undefined || name === '' ? 'TestDoubles' : `TestDoubles:${name}`;
