import type { InjectionToken, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { MailConfigurationError } from '../../base/errors.js';

const own = new WeakSet<object>();

/** Tells the modules in which this package registers a queue from those in which the app does. */
export const OwnModules = {
  /** Marks the module that each of ours imports. */
  add(imported: Type<unknown>): void {
    own.add(imported);
  },

  /**
   * Nest finds a queue by its token alone: with two of them, a processor of the app's could get ours.
   * @throws MailConfigurationError
   */
  refuseOthers(modules: ModulesContainer, token: InjectionToken, queue: string): void {
    for (const module of modules.values()) {
      if (!module.providers.has(token)) continue;
      if ([...module.imports].some(({ metatype }) => own.has(metatype))) continue;
      throw new MailConfigurationError(
        'relay.queue',
        'the name of a queue that the app does not register itself (or give `existingQueue: true` and `imports` with the module that exports it)',
        `\`${queue}\`, which it does`,
      );
    }
  },
};
