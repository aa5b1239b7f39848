import type { DynamicModule } from '@nestjs/common';
import type { Clock } from '../clock.js';
import { MailModule } from '../mail.module.js';
import type { MailModuleExtras, MailModuleOptions } from '../mail.options.js';
import { getMailStandInsToken, type MailStandIns } from '../mail.tokens.js';
import { MailOutbox } from './outbox.js';

/** What we need of `Test.createTestingModule(…)`. */
export interface OverridableBuilder {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
}

export interface OverrideMailOptions {
  /** Which mailer. Default: the unnamed one. */
  readonly name?: string;
  /** Time for it, for example a MailTestClock. Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Puts an outbox in place of the roads of an app under test, and of its relay's storage if it has one;
 * all else of the app stays as it is.
 */
export function overrideMail(
  builder: OverridableBuilder,
  options: OverrideMailOptions = {},
): MailOutbox {
  const { name, clock } = options;
  const outbox = new MailOutbox(clock);
  const standIns: MailStandIns = {
    clock,
    road: (road) => outbox.addRoad(road),
    relay: (setup) => ({ ...setup, relay: outbox.addRelay() }),
  };
  builder.overrideProvider(getMailStandInsToken(name)).useValue(standIns);
  return outbox;
}

export type MailTestingOptions = Partial<Omit<MailModuleOptions, 'transport'>> & MailModuleExtras;

/** A MailModule whose mail goes to an outbox: `app.get(MailOutbox)`. For tests of single providers. */
export class MailTestingModule {
  /** `defaults.from` is there unless you give one; the module is global. */
  static forRoot(options: MailTestingOptions = {}): DynamicModule {
    const outbox = new MailOutbox();
    const transport = outbox.addRoad('outbox');
    const defaults = { from: 'test@example.com', ...options.defaults };
    return {
      module: MailTestingModule,
      global: true,
      imports: [MailModule.forRoot({ isGlobal: true, ...options, defaults, transport })],
      providers: [{ provide: MailOutbox, useValue: outbox }],
      exports: [MailOutbox],
    };
  }
}
