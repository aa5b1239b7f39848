import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { MailConfigurationError } from '../../../lib/base/errors.js';
import { RouteTransport } from '../../../lib/transports/route/route.transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';

const auth = { user: 'u', pass: 'secret-pass' };
const tls = { type: 'smtp', host: 'mx.example.com', port: 587, requireTLS: true } as const;
const plain = { type: 'smtp', host: 'mx2.example.com', port: 25 } as const;
const api = 'sendgrid://SG.secret-key@api.sendgrid.com';

function fault(config: unknown): MailConfigurationError {
  try {
    createTransport(config);
  } catch (error) {
    if (error instanceof MailConfigurationError) return error;
    throw error;
  }
  throw new Error('expected a MailConfigurationError');
}

const route = (transports: unknown, more: object = {}) => ({
  type: 'route',
  strategy: 'failover',
  transports,
  ...more,
});

const names = (config: unknown) => {
  const made = createTransport(config);
  if (!(made instanceof RouteTransport)) throw new Error('expected a route');
  return made.status().map(({ transport }) => transport);
};

describe('route options', () => {
  it('takes options, URLs, objects, and transports with a name and a weight', () => {
    const own = createTransport('memory:');
    expect(
      names(route([tls, api, own, { name: 'bulk', weight: 3, transport: 'memory:' }])),
    ).toEqual(['smtp:mx.example.com:587', 'sendgrid:api.sendgrid.com', 'memory', 'bulk']);
  });

  it('takes routes in routes', () => {
    const inner = route(['memory:', api], { strategy: 'fastest' });
    expect(names(route([inner, 'memory:']))).toEqual([
      'fastest:(memory sendgrid:api.sendgrid.com)',
      'memory',
    ]);
  });

  it('tells transports of one name apart', () => {
    expect(names(route(['memory:', 'memory:', 'memory:']))).toEqual([
      'memory',
      'memory#2',
      'memory#3',
    ]);
  });

  it('looks for a port in a route where none is given, outside only when asked', () => {
    expect(createTransport('smtp://mx.example.com').name).toBe('smtp:mx.example.com:587');
    expect(createTransport('smtp://mx.example.com?ports=probe').name).toBe('smtp:mx.example.com');
    expect(names('failover:(smtp://u:p@mx.example.com)')).toEqual(['smtp:mx.example.com']);
    expect(names('failover:(smtp://u:p@mx.example.com:2525)')).toEqual([
      'smtp:mx.example.com:2525',
    ]);
    expect(names('failover:(smtps://u:p@mx.example.com)')).toEqual(['smtp:mx.example.com:465']);
  });

  it.each<[string, unknown, string]>([
    ['no strategy', { type: 'route', transports: ['memory:'] }, 'transport.strategy'],
    ['an unknown strategy', route(['memory:'], { strategy: 'best' }), 'transport.strategy'],
    ['no transports', route([]), 'transport.transports'],
    ['transports that are no array', route('memory:'), 'transport.transports'],
    ['a bad transport', route(['memory:', 'ftp://x']), 'transport.transports[1]'],
    [
      'a bad option of a transport',
      route(['memory:', { ...tls, port: 0 }]),
      'transport.transports[1].port',
    ],
    [
      'a bad transport with a name',
      route([{ name: 'x', transport: { type: 'smtp', host: '' } }]),
      'transport.transports[0].transport.host',
    ],
    [
      'a weight of 0',
      route([{ weight: 0, transport: 'memory:' }]),
      'transport.transports[0].weight',
    ],
    [
      'a bad breaker',
      route(['memory:'], { breaker: { trialAfterMs: 0 } }),
      'transport.breaker.trialAfterMs',
    ],
    [
      'a misspelled breaker option',
      route(['memory:'], { breaker: { failure: 1 } }),
      'transport.breaker.failure',
    ],
    ['a bad flag', route(['memory:'], { failoverUnknown: 'yes' }), 'transport.failoverUnknown'],
    ['bad ports', { type: 'smtp', host: 'mx.example.com', ports: [0] }, 'transport.ports'],
    ['ports beside a port', { ...tls, ports: 'probe' }, 'transport.ports'],
    ['bad ports in a URL', 'smtp://mx.example.com?ports=587,x', 'transport.ports'],
  ])('refuses %s', (_, config, option) => {
    expect(fault(config).option).toBe(option);
  });
});

describe('an equally secure transport only', () => {
  const lax = { ...tls, tls: { rejectUnauthorized: false } } as const;
  const local = { type: 'smtp', host: '127.0.0.1', port: 25 } as const;

  it.each<[string, unknown[]]>([
    ['plain after TLS', [tls, plain]],
    ['plain after a Web API', [api, plain]],
    ['an unverified certificate after a verified one', [tls, lax]],
    ['plain after an unverified certificate', [lax, plain]],
    ['a route that holds a plain transport', [tls, route([plain, tls])]],
    ['plain after a route that ends in TLS', [route([plain, tls]), plain]],
    ['plain after a route in a route that ends in TLS', [route([route([plain, tls])]), plain]],
    [
      'probed ports without TLS',
      [api, { type: 'smtp', host: 'mx.example.com', ports: [587, 465] }],
    ],
  ])('refuses failover to %s', (_, transports) => {
    const error = fault(route(transports));
    expect(error.option).toBe('transport.transports[1]');
    expect(error.message).toContain('never goes from more to less');
  });

  it.each<[string, unknown[]]>([
    ['TLS after plain', [plain, tls]],
    ['TLS after a route from plain to TLS', [route([plain, tls]), tls]],
    ['the Web API after TLS', [tls, api]],
    ['a server on this machine after TLS', [tls, local]],
    ['TLS bound by credentials', [api, { ...plain, auth }]],
    [
      'probed ports with TLS',
      [api, { type: 'smtp', host: 'mx.example.com', auth, ports: 'probe' }],
    ],
    [
      'probed ports where TLS from the first byte was asked',
      [api, { type: 'smtp', host: 'mx.example.com', secure: true, ports: 'probe' }],
    ],
  ])('takes failover to %s', (_, transports) => {
    expect(names(route(transports))).toHaveLength(2);
  });

  it.each(['fastest', 'round-robin'])('refuses any mix under %s', (strategy) => {
    expect(fault(route([plain, tls], { strategy })).option).toBe('transport.transports[0]');
    expect(fault(route([route([plain, tls]), plain], { strategy })).option).toBe(
      'transport.transports[1]',
    );
    expect(names(route([route([plain, tls])], { strategy }))).toHaveLength(1);
  });
});

describe('route URLs', () => {
  it('reads transports, nested transports and parameters', () => {
    const text =
      `failover:(fastest:(memory: ${api}) smtp://u:p%28x@127.0.0.1:25?maxConnections=2)` +
      '?failoverUnknown=true&trialAfterMs=100&failures=1';
    expect(names(text)).toEqual([
      'fastest:(memory sendgrid:api.sendgrid.com)',
      'smtp:127.0.0.1:25',
    ]);
  });

  it.each([
    ['no parenthesis', 'failover:smtp://secret-pass@x'],
    ['one that is never closed', 'failover:(smtp://u:secret-pass@x'],
    ['text after it', 'failover:(memory:)secret-pass'],
    ['no transports', 'failover:()'],
    ['a bad transport', 'failover:(smtp://u:secret-pass@x:99999)'],
    ['an unknown parameter', 'failover:(memory:)?trialAfter=1'],
    ['a parameter twice', 'failover:(memory:)?failures=1&failures=2'],
    ['a bad flag', 'failover:(memory:)?failoverUnknown=1'],
  ])('refuses %s, and shows no secret', (_, text) => {
    expect(fault(text).message).not.toContain('secret-pass');
  });
});

describe('the guide of routes', () => {
  const guide = readFileSync(new URL('../../../docs/guides/routes.md', import.meta.url), 'utf8');
  const table = guide.split('| option |')[0]!;

  it('shows routes that can be built', () => {
    const urls = [...table.matchAll(/`([a-z-]+:\([^`]+\))`/g)].map(([, url]) => url!);
    expect(urls.length).toBeGreaterThan(4);
    for (const url of urls) expect(names(url)).toHaveLength(2);
  });
});
