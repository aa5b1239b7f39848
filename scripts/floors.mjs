/**
 * The rooms of lib/ and their order, from the ground up: what the import gate enforces and what the
 * picture in docs/architecture.md is drawn from.
 *
 * Each floor is a list of rooms: a name, a pattern of paths under lib/, and what the room is for.
 */

/** @typedef {readonly [name: string, pattern: string, what?: string]} Room */

/** @type {readonly (readonly Room[])[]} */
export const floors = [
  [['base', 'base/', 'errors, clock, option reader']],
  [
    ['message', 'message/', 'what a caller writes, checked and frozen into a mail; MIME'],
    ['events', 'events/', 'typed events and their bus'],
  ],
  [['transports', 'transports/', 'SMTP, Web APIs, routes: one attempt at the next hop']],
  [
    ['templates', 'templates/', 'template files, engines, locales'],
    ['interceptors', 'interceptors/', 'what an app puts before every message'],
  ],
  [['relay', 'relay/', 'durable store-and-forward: contract, worker, drivers']],
  [['service', 'service/', 'MailService: the one door']],
  [['decorators', 'decorators/', '@SendMail, @OnMail, @InjectMail']],
  [['module', 'module/', 'MailModule: options, instances, lifecycle']],
  [
    ['face', 'index[.]ts$', 'what `nestjs-mail-relay` exports'],
    ['testing', 'testing/', 'outbox, matchers, time'],
    ['webhooks', 'webhooks/', 'what providers say afterwards'],
    ['cli', 'cli/', 'the command line'],
  ],
];

/**
 * The floors inside the SMTP room, likewise from the ground up.
 *
 * @type {readonly (readonly Room[])[]}
 */
export const smtpFloors = [
  [['smtp-protocol', 'transports/smtp/protocol/', 'bytes, replies, commands, capabilities']],
  [['smtp-dkim', 'transports/smtp/dkim/', 'signatures, in a thread of their own']],
  [['smtp-options', 'transports/smtp/options/', 'options and URLs']],
  [['smtp-session', 'transports/smtp/session/', 'dial, TLS, EHLO, AUTH']],
  [['smtp-connection', 'transports/smtp/connection/', 'transactions that share a connection']],
  [['smtp-pool', 'transports/smtp/pool/', 'connections, rotation, rate']],
  [['smtp-transport', 'transports/smtp/[^/]+[.]ts$', 'the transport, and composing']],
];

/** Rooms whose parts stand side by side: only `front` may see into all of them. */
export const drivers = [
  {
    room: 'transports',
    parts: '(smtp|web-api|memory|route)',
    front: 'transports/transport[.]factory[.]ts$',
  },
  { room: 'relay', parts: '(spool|bull)', front: 'relay/(spool|bull)/' },
];
