/**
 * What a relay driver of your own needs: the contract, the stored form of a job, and how options that
 * all drivers share are read. docs/guides/write-a-driver.md builds one from it.
 */
export {
  RELAY_PRIORITIES,
  UnrecordedError,
  type ConsumeOptions,
  type DeadReason,
  type EnqueueOutcome,
  type ForeignJob,
  type JobDetails,
  type JobFailure,
  type JobState,
  type JobSummary,
  type Lease,
  type LeasedJob,
  type LeaseRequest,
  type ListOptions,
  type MailRelay,
  type NewJob,
  type RelayPriority,
  type RelayStats,
  type Settlement,
  type UnreadableJob,
} from '../relay.js';
export {
  bornAt,
  countFitting,
  failureOf,
  JOB_VERSION,
  narrowTo,
  parseFailure,
  parseJob,
  problemOf,
  serializeJob,
  type StoredJob,
} from '../job.js';
export type {
  MailRelayDefinition,
  RelayAsyncOptions,
  RelaySetup,
  RelayWiring,
} from '../relay-definition.js';
export {
  readRelayOptions,
  RELAY_OPTION_KEYS,
  type RelayOptions,
  type RelayRole,
  type RelayUserOptions,
} from '../relay.options.js';
export { MailConfigurationError, MailRelayError } from '../../base/errors.js';
export { OptionReader } from '../../base/option-reader.js';
export { runOutside } from '../../base/outside.js';
