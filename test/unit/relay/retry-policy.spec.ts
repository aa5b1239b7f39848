import { describe, expect, it } from '@jest/globals';
import { MailDeliveryError, MailShutdownError } from '../../../lib/base/errors.js';
import {
  backoffMs,
  decide,
  isTransportDown,
  RETRY_DEFAULTS,
} from '../../../lib/relay/retry-policy.js';

const policy = {
  minBackoffMs: 10,
  maxBackoffMs: 100,
  lifetimeMs: 1_000,
  onUnknown: { attempts: 1, afterMs: 300 },
} as const;
const question = { disposition: 'retry', attempts: 1, unknowns: 0, ageMs: 0, random: 0.5 } as const;

describe('retry policy', () => {
  it.each([
    { attempts: 1, random: 0, is: 10 },
    { attempts: 1, random: 0.999, is: 19 },
    { attempts: 2, random: 0.5, is: 25 },
    { attempts: 3, random: 0.999, is: 79 },
    { attempts: 4, random: 0.999, is: 99 },
    { attempts: 10_000, random: 0.5, is: 55 },
  ])('waits $is ms after attempt $attempts at $random', ({ attempts, random, is }) => {
    expect(backoffMs(policy, attempts, random)).toBe(is);
  });

  it.each([
    { name: 'permanent', with: { disposition: 'permanent' }, is: { action: 'dead', reason: 'permanent' } }, // prettier-ignore
    { name: 'that may have been accepted', with: { disposition: 'unknown', unknowns: 1 }, is: { action: 'defer', delayMs: 300 } }, // prettier-ignore
    { name: 'that may have been accepted twice', with: { disposition: 'unknown', attempts: 2, unknowns: 2 }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that may have been accepted, to be held', with: { disposition: 'unknown', unknowns: 1 }, policy: { onUnknown: { attempts: 0, afterMs: 300 } }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that may have been accepted at the end of its life', with: { disposition: 'unknown', unknowns: 1, ageMs: 1_000 }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that may have been accepted, where the server asks for time', with: { disposition: 'unknown', unknowns: 1, retryAfterMs: 900 }, is: { action: 'defer', delayMs: 900 } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised', with: { disposition: 'unknown', unknowns: 1, safeRetryMs: 16 }, is: { action: 'defer', delayMs: 15 } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised for one attempt more', with: { disposition: 'unknown', unknowns: 2, safeRetryMs: 16 }, is: { action: 'defer', delayMs: 15 } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised, but not without end', with: { disposition: 'unknown', unknowns: 3, safeRetryMs: 1_000 }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised no longer', with: { disposition: 'unknown', unknowns: 1, safeRetryMs: 15 }, is: { action: 'defer', delayMs: 300 } }, // prettier-ignore
    { name: 'that may have been accepted twice and is recognised no longer', with: { disposition: 'unknown', unknowns: 2, safeRetryMs: -5 }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised until before the server wants it', with: { disposition: 'unknown', unknowns: 1, retryAfterMs: 400, safeRetryMs: 399 }, is: { action: 'defer', delayMs: 400 } }, // prettier-ignore
    { name: 'that may have been accepted and is recognised, to be held', with: { disposition: 'unknown', unknowns: 1, safeRetryMs: 1_000 }, policy: { onUnknown: { attempts: 0, afterMs: 300 } }, is: { action: 'dead', reason: 'held' } }, // prettier-ignore
    { name: 'that was refused for now, later than it may have been accepted', with: { attempts: 2, unknowns: 1 }, is: { action: 'defer', delayMs: 25 } }, // prettier-ignore
    { name: 'in its life', with: { ageMs: 500 }, is: { action: 'defer', delayMs: 15 } },
    { name: 'at the end of its life', with: { ageMs: 1_000 }, is: { action: 'dead', reason: 'expired' } }, // prettier-ignore
    { name: 'without a life', with: {}, policy: { lifetimeMs: 0 }, is: { action: 'dead', reason: 'expired' } }, // prettier-ignore
    { name: 'near its end', with: { ageMs: 960, attempts: 5, random: 0.99 }, is: { action: 'defer', delayMs: 40 } }, // prettier-ignore
    { name: 'at its very end', with: { ageMs: 999 }, is: { action: 'defer', delayMs: 10 } },
    { name: 'as the server wishes', with: { retryAfterMs: 400 }, is: { action: 'defer', delayMs: 400 } }, // prettier-ignore
    { name: 'not sooner for a wish', with: { retryAfterMs: 1 }, is: { action: 'defer', delayMs: 15 } }, // prettier-ignore
    { name: 'with a clock set back', with: { ageMs: -5_000 }, is: { action: 'defer', delayMs: 15 } }, // prettier-ignore
  ] as const)('decides on a mail $name', ({ with: given, is, ...rest }) => {
    const override = 'policy' in rest ? rest.policy : {};
    expect(decide({ ...policy, ...override }, { ...question, ...given })).toEqual(is);
  });

  it('has defaults that a table of options can be checked against', () => {
    expect(RETRY_DEFAULTS).toEqual({
      minBackoffMs: 10_000,
      maxBackoffMs: 3_600_000,
      lifetimeMs: 259_200_000,
      onUnknown: { attempts: 1, afterMs: 300_000 },
    });
  });

  it('knows a transport that is down from a mail that is bad', () => {
    const error = (
      fault: 'transport' | 'message',
      disposition: 'retry' | 'permanent' | 'unknown',
    ) =>
      new MailDeliveryError({
        code: 'MAIL_CONNECT',
        fault,
        disposition,
        stage: 'mail',
        message: '',
      });
    expect(isTransportDown(error('transport', 'retry'))).toBe(true);
    expect(isTransportDown(new MailShutdownError())).toBe(true);
    expect(isTransportDown(error('transport', 'unknown'))).toBe(false);
    expect(isTransportDown(error('transport', 'permanent'))).toBe(false);
    expect(isTransportDown(error('message', 'retry'))).toBe(false);
  });
});
