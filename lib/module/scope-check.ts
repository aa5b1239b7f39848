import type { OnModuleInit } from '@nestjs/common';
import { Scope } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { MailConfigurationError } from '../base/errors.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Stops an app whose mailer would be made anew for every request: each would have connections of its own,
 * and none would ever be started, drained or closed.
 */
export class ScopeCheck implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    /** The token of the mailer's service in its own module. */
    private readonly token: symbol,
  ) {}

  /** @throws MailConfigurationError that names who is request-scoped. */
  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders()) {
      if (wrapper.token !== this.token || wrapper.isDependencyTreeStatic()) continue;
      const path = pathToRequest(wrapper, new Set()) ?? [];
      const names = path.map((one) => String(one.name).replace(/^Symbol\((.*)\)$/, '$1'));
      const culprit = names.at(-1);
      throw new MailConfigurationError(
        'inject',
        'providers that live as long as the app: one mailer serves all requests',
        culprit === undefined
          ? 'one that is request-scoped'
          : `\`${culprit}\`, which is request-scoped. Make it a singleton; what differs by request belongs in the message, or in a mailer of its own (\`name\`)`,
      );
    }
  }
}

/** The providers from this one down to the one that asks for a request. */
function pathToRequest(wrapper: Wrapper, seen: Set<Wrapper>): Wrapper[] | undefined {
  if (seen.has(wrapper)) return undefined;
  seen.add(wrapper);
  if (wrapper.scope === Scope.REQUEST) return [wrapper];
  for (const dependency of dependenciesOf(wrapper)) {
    const path = pathToRequest(dependency, seen);
    if (path) return [wrapper, ...path];
  }
  return undefined;
}

function dependenciesOf(wrapper: Wrapper): Wrapper[] {
  const properties = wrapper.getPropertiesMetadata() as { wrapper?: Wrapper }[] | undefined;
  return [
    ...((wrapper.getCtorMetadata() as (Wrapper | undefined)[] | undefined) ?? []),
    ...(properties ?? []).map((property) => property.wrapper),
  ].filter((one) => one !== undefined);
}
