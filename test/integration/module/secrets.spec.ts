import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, types } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { ApplicationConfig, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { MailModule } from '../../../lib/index.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { MailWebhooksModule } from '../../../lib/webhooks/index.js';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const dkimKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem);
const webhookKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'der' })
  .toString('base64');

const SECRETS = {
  'SMTP password in options': 'smtp-pass-uT5wPq9',
  'SMTP password in a URL': 'url-pass-Vb3nMx7',
  'API key': 'SG.api-key-Kd8sLz2',
  'API key of a route': 'SG.route-key-Hy6tRe4',
  // Every line of it would do.
  'DKIM key': String(dkimKey).split('\n')[3]!,
  'webhook key': webhookKey,
};

/** How it might stand there: as it is, in base64, or base64 without padding. */
function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64');
  return [secret, encodeURIComponent(secret), base64, base64.replace(/=+$/, '')];
}

/** Every string that a walk over own enumerable properties comes to, Maps and Sets included. */
function* stringsIn(value: unknown, seen = new Set<unknown>()): Generator<string> {
  if (typeof value === 'string') yield value;
  if (Buffer.isBuffer(value)) yield value.toString('latin1');
  if (typeof value !== 'object' && typeof value !== 'function') return;
  if (value === null || seen.has(value) || ArrayBuffer.isView(value)) return;
  seen.add(value);
  if (types.isMap(value) || types.isSet(value)) yield* stringsIn([...value], seen);
  for (const [key, inner] of Object.entries(value)) {
    yield key;
    yield* stringsIn(inner, seen);
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify({ value });
  } catch {
    return '';
  }
}

/** What Nest keeps for the modules of this package, without Nest's own way into the whole container. */
function* instancesOf(app: INestApplicationContext): Generator<readonly [string, unknown]> {
  const modules = app.get(ModulesContainer);
  for (const module of modules.values()) {
    if (module.metatype !== MailModule && module.metatype !== MailWebhooksModule) continue;
    for (const [token, { instance }] of [...module.providers, ...module.controllers]) {
      if (token === ModuleRef || token === ApplicationConfig) continue;
      yield [
        `${module.name} ${typeof token === 'function' ? token.name : String(token)}`,
        instance,
      ];
    }
  }
}

/** All of Nest hangs on it, the apps of others included: a look at one of our objects ends there. */
function closeContainer(app: INestApplicationContext): Set<unknown> {
  const { container } = app.get<{ container: object }>(ModuleRef);
  const ends = [container, ...app.get(ModulesContainer).values()];
  for (const end of ends) {
    Object.defineProperty(end, inspect.custom, { value: () => '[container]' });
    Object.defineProperty(end, 'toJSON', { value: () => '[container]' });
  }
  return new Set<unknown>([...ends, app.get(ModulesContainer)]);
}

let folder: string;
let app: INestApplicationContext;
/** All that can be seen, by who shows it. */
const shown = new Map<string, string>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mail-relay-secrets-'));
  const defaults = { from: 'shop@example.com' };
  const host = '127.0.0.1';
  const auth = { user: 'shop', pass: SECRETS['SMTP password in options'] };
  const dkim = { domainName: 'example.com', keySelector: 'k', privateKey: String(dkimKey) };
  const compiled = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        transport: { type: 'smtp', host, auth, dkim },
        defaults,
        relay: spoolRelay({ path: join(folder, 'mail.db'), thread: false }),
      }),
      MailModule.forRootAsync({
        name: 'url',
        useFactory: () => ({
          transport: `smtp://shop:${SECRETS['SMTP password in a URL']}@127.0.0.1:2525`,
          defaults,
        }),
      }),
      MailModule.forRoot({
        name: 'api',
        transport: { type: 'web-api', provider: 'sendgrid', apiKey: SECRETS['API key'] },
        defaults,
      }),
      MailModule.forRootAsync({
        name: 'route',
        useFactory: async () => ({
          transport: {
            type: 'route' as const,
            strategy: 'failover' as const,
            transports: [
              { type: 'smtp' as const, host, auth },
              {
                type: 'web-api' as const,
                provider: 'sendgrid' as const,
                apiKey: SECRETS['API key of a route'],
              },
            ],
          },
          defaults,
        }),
      }),
      MailWebhooksModule.forRoot({ publicKey: SECRETS['webhook key'] }),
      MailWebhooksModule.forRootAsync({
        path: 'second',
        useFactory: () => ({ publicKey: SECRETS['webhook key'] }),
      }),
    ],
  }).compile();
  app = await compiled.init();
  const ends = closeContainer(app);
  for (const [name, instance] of instancesOf(app)) {
    const texts = [inspect(instance, { depth: 12 }), json(instance)];
    texts.push(...stringsIn(instance, new Set(ends)));
    shown.set(`${name} (${shown.size})`, texts.join('\n'));
  }
});
afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

describe('what Nest keeps of the modules', () => {
  it('finds a secret that is there, in each of its ways', () => {
    const secret = SECRETS['API key'];
    const [, , base64] = formsOf(secret);
    expect([...stringsIn({ a: [new Map([['k', { secret }]])] })]).toContain(secret);
    expect([...stringsIn({ auth: base64 })]).toContain(base64);
  });

  it.each(Object.entries(SECRETS))('shows nobody the %s', (_name, secret) => {
    const forms = formsOf(secret);
    const by = [...shown].filter(([, text]) => forms.some((form) => text.includes(form)));
    expect(shown.size).toBeGreaterThan(40);
    expect(by.map(([name]) => name)).toEqual([]);
  });
});
