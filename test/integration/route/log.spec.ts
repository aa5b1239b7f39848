import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { closedPort } from '../../fixtures/dropped-port.js';
import { testMail } from '../../fixtures/mail.js';
import { eventually, nextHops, overSmtp } from './helpers.js';

const hops = nextHops();
const lines: string[] = [];

beforeEach(() => {
  for (const level of ['log', 'warn'] as const) {
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((text: unknown) => void lines.push(`${level}: ${String(text)}`));
  }
});
afterEach(() => {
  jest.restoreAllMocks();
  lines.length = 0;
});

it('the log says once that a transport stays out, why, and that it is back', async () => {
  const port = await closedPort();
  const spare = await hops.smtp();
  const route = hops.route([overSmtp(port), overSmtp(spare.port)], {
    breaker: { trialAfterMs: 1 },
  });
  const send = () => route.deliver(testMail());

  const error = (await send()).hops?.[0]?.error?.message ?? '';
  expect(lines).toEqual([]);
  expect(error).toMatch(/ECONNREFUSED/);
  const trials = async (enough: () => boolean) => {
    while (!enough()) {
      await send();
      await new Promise(setImmediate);
    }
  };
  await trials(() => lines.length > 0);
  const before = spare.messages.length;
  await trials(() => spare.messages.length > before + 20);
  expect(lines).toEqual([`warn: Transport smtp:127.0.0.1:${port} takes no mail: ${error}`]);

  const back = await hops.smtp({}, port);
  await trials(() => back.messages.length > 0);
  await eventually(() => lines.length > 1);
  expect(lines.slice(1)).toEqual([`log: Transport smtp:127.0.0.1:${port} is back`]);
});
