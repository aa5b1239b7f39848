import { describe, expect, it } from '@jest/globals';
import { MailDeliveryError, type MailDeliveryErrorInit } from '../../../lib/base/errors.js';
import { Breaker } from '../../../lib/transports/route/breaker.js';
import { ManualClock } from '../../fixtures/manual-clock.js';

const OPTIONS = { failures: 3, trialAfterMs: 1000, authTrialAfterMs: 9000 };

function fault(init: Partial<MailDeliveryErrorInit> = {}): MailDeliveryError {
  return new MailDeliveryError({
    code: 'MAIL_CONNECTION_LOST',
    disposition: 'retry',
    fault: 'transport',
    stage: 'mail',
    message: 'lost',
    ...init,
  });
}

function setup() {
  const clock = new ManualClock();
  const breaker = new Breaker(OPTIONS, clock);
  const fail = (error = fault()) => {
    breaker.failed(breaker.enter(), error);
  };
  return { clock, breaker, fail };
}

describe('Breaker', () => {
  it.each([
    ['a refused connect', fault({ code: 'MAIL_CONNECT' })],
    ['DNS', fault({ code: 'MAIL_DNS' })],
    ['TLS', fault({ code: 'MAIL_TLS' })],
    ['credentials', fault({ code: 'MAIL_AUTH' })],
    ['421', fault({ code: 'MAIL_SERVICE', smtpCode: 421 })],
    ['a rate limit', fault({ code: 'MAIL_RATE', retryAfterMs: 1 })],
  ])('opens at once on %s', (_, error) => {
    const { breaker, fail } = setup();
    fail(error);
    expect(breaker.state).toBe('open');
    expect(breaker.admits).toBe(false);
    expect(breaker.lastError).toBe(error);
  });

  it.each([
    ['a lost connection', fault()],
    ['HTTP 500', fault({ code: 'MAIL_SERVICE', httpStatus: 500 })],
    ['an error of another kind', new Error('odd')],
  ])('opens on %s only after so many in a row', (_, error) => {
    const { breaker, fail } = setup();
    fail(error as MailDeliveryError);
    fail(error as MailDeliveryError);
    breaker.succeeded(breaker.enter());
    fail(error as MailDeliveryError);
    fail(error as MailDeliveryError);
    expect(breaker.state).toBe('closed');
    fail(error as MailDeliveryError);
    expect(breaker.state).toBe('open');
  });

  it('is due for a trial after its wait, and half-open once that passed', () => {
    const { breaker, clock, fail } = setup();
    fail(fault({ code: 'MAIL_CONNECT' }));
    clock.advance(999);
    expect(breaker.trialDue).toBe(false);
    expect(breaker.waitMs).toBe(1);
    clock.advance(1);
    expect(breaker.trialDue).toBe(true);
    expect(breaker.admits).toBe(false);
    breaker.trialPassed();
    expect(breaker.state).toBe('half-open');
  });

  it('waits anew after a failed trial', () => {
    const { breaker, clock, fail } = setup();
    fail(fault({ code: 'MAIL_CONNECT' }));
    clock.advance(1000);
    breaker.trialFailed(fault({ code: 'MAIL_CONNECT' }));
    expect(breaker.state).toBe('open');
    expect(breaker.waitMs).toBe(1000);
  });

  it.each([
    ['longer after refused credentials', fault({ code: 'MAIL_AUTH' }), 9000],
    ['as long as the server asks', fault({ code: 'MAIL_RATE', retryAfterMs: 5000 }), 5000],
    ['no less than its own time', fault({ code: 'MAIL_RATE', retryAfterMs: 5 }), 1000],
  ])('waits %s', (_, error, wait) => {
    const { breaker, fail } = setup();
    fail(error);
    expect(breaker.waitMs).toBe(wait);
  });

  function halfOpen() {
    const made = setup();
    made.fail(fault({ code: 'MAIL_CONNECT' }));
    made.clock.advance(1000);
    made.breaker.trialPassed();
    return made;
  }

  it('admits one mail at a time while half-open, and closes with its success', () => {
    const { breaker } = halfOpen();
    const pass = breaker.enter();
    expect(breaker.admits).toBe(false);
    breaker.succeeded(pass);
    expect(breaker.state).toBe('closed');
    expect(breaker.admits).toBe(true);
  });

  it('opens again with the first failure while half-open', () => {
    const { breaker, fail } = halfOpen();
    fail(fault());
    expect(breaker.state).toBe('open');
  });

  it('lets the next mail try when one says nothing about the transport', () => {
    const { breaker } = halfOpen();
    breaker.undecided(breaker.enter());
    expect(breaker.state).toBe('half-open');
    expect(breaker.admits).toBe(true);
  });

  it('takes no verdict from before it opened', () => {
    const { breaker, clock, fail } = setup();
    const old = breaker.enter();
    const older = breaker.enter();
    fail(fault({ code: 'MAIL_CONNECT' }));
    breaker.succeeded(old);
    expect(breaker.state).toBe('open');
    clock.advance(1000);
    breaker.trialPassed();
    breaker.failed(older, fault({ code: 'MAIL_CONNECT' }));
    expect(breaker.state).toBe('half-open');
  });
});
