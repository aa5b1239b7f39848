import type {
  DynamicModule,
  FactoryProvider,
  ForwardReference,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common';
import type { MailRelay } from './relay.js';
import type { RelayOptions } from './relay.options.js';

/**
 * In the module of one mailer: whether a test's storage stands in for the driver's. Then the driver opens
 * no connection, since nobody would close it.
 */
export const RELAY_STAND_IN = Symbol('nestjs-mail-relay:relay-stand-in');

/** A driver and how it is to be used. */
export interface RelaySetup {
  readonly relay: MailRelay;
  /** Checked options that all drivers share. */
  readonly options: RelayOptions;
}

/** What a driver adds to the module of one mailer. */
export interface RelayWiring {
  readonly imports?: (
    Type<unknown> | DynamicModule | Promise<DynamicModule> | ForwardReference<unknown>
  )[];
  /** Providers of the driver's own, a consumer class for one. */
  readonly providers?: Provider[];
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Called with what `inject` names. Does no I/O beyond loading packages. */
  create(...dependencies: unknown[]): RelaySetup | Promise<RelaySetup>;
}

/** What `relay` of the module takes: `spoolRelay(...)`, `bullRelay(...)`, or a driver of your own. */
export interface MailRelayDefinition {
  /** Called once for each mailer that uses the definition; `mailer` is its name, if it has one. */
  register(mailer?: string): RelayWiring;
}

/** Options of a driver, with what it takes to make them. */
export interface RelayAsyncOptions<Options> {
  /** Modules that export what `inject` names. */
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<Options>['useFactory'];
}
