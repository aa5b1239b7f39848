import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MailDeliveryError } from '../../../lib/base/errors.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import type { MailTransport } from '../../../lib/transports/transport.js';
import { acme } from '../../fixtures/providers/acme/acme.manifest.js';
import { AcmeServer } from '../../fixtures/providers/acme-server.js';
import { testMail } from '../../fixtures/mail.js';
import { caught } from '../web-api/helpers.js';
import { nextHops, overApi, overSmtp } from './helpers.js';

const DAY_MS = 24 * 3_600_000;

describe('a route over a provider that recognises a mail', () => {
  const hops = nextHops();
  let server: AcmeServer;
  let route: MailTransport;
  const overAcme = () => ({
    type: 'web-api',
    provider: 'acme',
    apiKey: 'ak_stand_in',
    baseUrl: server.url,
  });
  const routeOver = (transports: unknown[], options: object = {}): MailTransport =>
    (route = createTransport(
      { type: 'route', strategy: 'failover', transports, ...options },
      { providers: [acme] },
    ));

  beforeEach(async () => {
    server = await AcmeServer.start();
  });
  afterEach(async () => {
    await route.destroy();
    await server.close();
  });

  it('says until when the mail may go again, and takes it there and nowhere else', async () => {
    const smtp = await hops.smtp();
    routeOver([overAcme(), overSmtp(smtp.port)]);
    const mail = testMail();
    server.script({ drop: 'after-body' });
    const error = await caught(route.deliver(mail));
    expect(error).toMatchObject({
      disposition: 'unknown',
      safeRetryUntil: Date.parse(mail.createdAt) + DAY_MS,
    });
    const delivery = await route.deliver(mail);
    expect(delivery.remoteId).toBe(server.accepted[0]!.id);
    expect(server.accepted).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
    expect(smtp.connections).toHaveLength(0);
  });

  it('says so after another transport was not there to take it', async () => {
    const smtp = await hops.smtp();
    const { port } = smtp;
    await smtp.close();
    routeOver([overSmtp(port), overAcme()]);
    const mail = testMail();
    server.script({ drop: 'after-body' });
    expect(await caught(route.deliver(mail))).toMatchObject({
      disposition: 'unknown',
      safeRetryUntil: Date.parse(mail.createdAt) + DAY_MS,
    });
  });

  it('says nothing where another that recognises no mail may have taken it too', async () => {
    const api = await hops.webApi();
    routeOver([overAcme(), overApi(api)], { failoverUnknown: true });
    server.script({ drop: 'after-body' });
    api.script({ drop: 'after-body' });
    const error = await caught(route.deliver(testMail()));
    expect(error).toBeInstanceOf(MailDeliveryError);
    expect(error.disposition).toBe('unknown');
    expect(error.safeRetryUntil).toBeUndefined();
  });
});
