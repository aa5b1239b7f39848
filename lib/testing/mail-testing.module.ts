import type { DynamicModule } from '@nestjs/common';
import type { Clock } from '../base/clock.js';
import { MailConfigurationError } from '../base/errors.js';
import { MailModule } from '../module/mail.module.js';
import type { MailModuleExtras, MailModuleOptions } from '../module/mail.options.js';
import { getTestDoublesToken, type TestDoubles } from '../service/mail.tokens.js';
import { OptionReader } from '../base/option-reader.js';
import { MailOutbox } from './outbox.js';

/** What we need of `Test.createTestingModule(…)`. */
export interface OverridableBuilder {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
  compile(...options: never[]): Promise<unknown>;
}

export interface OverrideMailOptions {
  /** Which mailer. Default: the unnamed one. */
  readonly name?: string;
  /** Time for it, for example a MailTestClock. Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Puts an outbox in place of the transports of an app under test, and of its relay's storage if it has one;
 * all else of the app stays as it is. `compile` of the builder fails with a MailConfigurationError when
 * the app has no such mailer: the test would send real mail.
 * @throws MailConfigurationError for an option that there is not.
 */
export function overrideMail(
  builder: OverridableBuilder,
  options: OverrideMailOptions = {},
): MailOutbox {
  const reader = new OptionReader('overrideMail()', options, ['name', 'clock']);
  const name = reader.optionalString('name');
  const { clock } = options;
  const outbox = new MailOutbox(clock);
  const doubles: TestDoubles = {
    clock,
    transport: (transport) => outbox.addTransport(transport),
    relay: (setup) => ({ ...setup, relay: outbox.addRelay() }),
  };
  builder.overrideProvider(getTestDoublesToken(name)).useValue(doubles);
  // Nest takes an override of something that nobody provides without a word.
  const compile = builder.compile.bind(builder);
  builder.compile = async (...given) => {
    const module = await compile(...given);
    if (!outbox.inUse) {
      const got = name === undefined ? 'the unnamed one, which none does' : `'${name}'`;
      const expected = 'a mailer that a MailModule of the app registers';
      throw new MailConfigurationError(reader.pathOf('name'), expected, got);
    }
    return module;
  };
  return outbox;
}

export type MailTestingOptions = Partial<Omit<MailModuleOptions, 'transport'>> & MailModuleExtras;

/** A MailModule whose mail goes to an outbox: `app.get(MailOutbox)`. For tests of single providers. */
export class MailTestingModule {
  /** `defaults.from` is there unless you give one; the module is global. */
  static forRoot(options: MailTestingOptions = {}): DynamicModule {
    const outbox = new MailOutbox();
    const transport = outbox.addTransport('outbox');
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
