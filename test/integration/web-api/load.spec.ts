import { afterEach, expect, it } from '@jest/globals';
import { MailDeliveryError } from '../../../lib/base/errors.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import { acme } from '../../fixtures/providers/acme/acme.manifest.js';
import { AcmeServer } from '../../fixtures/providers/acme-server.js';
import { testMail } from '../../fixtures/mail.js';
import { caught } from './helpers.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A transport over Acme whose code cannot be loaded the first times, as in a bundle that left it out. */
async function broken(times: number) {
  const server = await AcmeServer.start();
  cleanups.push(() => server.close());
  const missing = new Error("Cannot find module './acme.provider.js'");
  let left = times;
  const load = () => (left-- > 0 ? Promise.reject(missing) : acme.load());
  const transport = createTransport(
    { type: 'web-api', provider: 'acme', apiKey: 'ak_stand_in', baseUrl: server.url },
    { providers: [{ ...acme, load }] },
  );
  cleanups.push(() => transport.destroy());
  return { server, transport, missing };
}

it('a provider whose code cannot be loaded is MAIL_LOAD: nothing was sent, another transport may, and what to do', async () => {
  const { server, transport, missing } = await broken(4);
  const attempts = [
    transport.deliver(testMail()),
    transport.preload!(),
    transport.verify(),
    transport.deliver(testMail()),
  ];
  for (const error of await Promise.all(attempts.map(caught))) {
    expect(error).toMatchObject({
      code: 'MAIL_LOAD',
      disposition: 'retry',
      fault: 'transport',
      stage: 'queue',
      transport: transport.name,
      cause: missing,
    });
    expect(error.message).toContain(missing.message);
    expect(error.message).toContain('leave `nestjs-mail-relay` out of the bundle');
  }
  expect(server.requests).toEqual([]);
});

it('the next use loads it again, and closing needs none of it', async () => {
  const { server, transport } = await broken(1);
  expect(await caught(transport.preload!())).toHaveProperty('code', 'MAIL_LOAD');
  await transport.deliver(testMail());
  expect(server.accepted).toHaveLength(1);

  const other = await broken(1);
  await other.transport.close();
  await other.transport.destroy();
  await expect(other.transport.deliver(testMail())).rejects.toHaveProperty('code', 'MAIL_SHUTDOWN');
});

it('every mail that waited for the load fails with it, in bulk too', async () => {
  const { transport } = await broken(1);
  const mails = [testMail(), testMail(), testMail()].map((mail) => caught(transport.deliver(mail)));
  for (const error of await Promise.all(mails)) expect(error).toBeInstanceOf(MailDeliveryError);
});
