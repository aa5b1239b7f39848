import { describe, it } from '@jest/globals';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { CutLink, type Cut } from '../../fixtures/cut-link.js';
import fc from '../../fixtures/fast-check.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedSmtpServer } from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll } from '../../fixtures/smtp-audit.js';
import { MODE_NAMES, MODES } from './modes.js';

/** What the server says to a recipient of that name. */
const RECIPIENTS: Record<string, string | undefined> = {
  good: undefined,
  fine: '251 2.1.5 will forward',
  later: '450 4.2.1 busy',
  many: '452 4.5.3 too many recipients',
  never: '550 5.1.1 unknown',
};
/** What it says to a content that holds the word. */
const CONTENTS: Record<string, string | undefined> = {
  welcome: undefined,
  deferred: '451 4.3.0 later',
  unwanted: '554 5.7.1 no',
};

const mail = fc.record({
  to: fc.array(fc.constantFrom(...Object.keys(RECIPIENTS)), { minLength: 1, maxLength: 4 }),
  word: fc.constantFrom('welcome', 'welcome', ...Object.keys(CONTENTS)),
  bytes: fc.constantFrom(10, 300, 40_000),
});
const cut: fc.Arbitrary<Cut> = fc.record({
  stream: fc.constantFrom('up' as const, 'down' as const),
  at: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 3000 }), fc.nat({ max: 100_000 })),
  how: fc.constantFrom('end' as const, 'reset' as const),
});

describe.each(MODE_NAMES)('a wire in mode %s that is cut at any byte', (mode) => {
  it.each([false, true])(
    'tells of each recipient what the server took, LMTP %s',
    async (lmtp) => {
      if (lmtp && mode === 'chunking') return;
      await fc.assert(
        fc.asyncProperty(
          fc.array(mail, { minLength: 1, maxLength: 8 }),
          fc.array(fc.option(cut, { freq: 6, nil: undefined }), { minLength: 1, maxLength: 5 }),
          fc.integer({ min: 1, max: 2 }),
          fc.integer({ min: 1, max: 5 }),
          async (mails, cuts, maxConnections, maxInFlight) => {
            let content = '';
            const server = await ScriptedSmtpServer.start({
              capabilities: MODES[mode],
              lmtp,
              script: {
                rcpt: ({ address }) => RECIPIENTS[/^[a-z]+/.exec(address)![0]],
                final: ({ connection }) => {
                  content = connection.wireContents.at(-1)!.toString('latin1');
                  return CONTENTS[/^(\w+) content/m.exec(content)?.[1] ?? ''];
                },
              },
            });
            const link = await CutLink.open(server.port, cuts);
            const transport = new SmtpTransport({
              ...{ host: '127.0.0.1', port: link.port, name: 'client.test', lmtp },
              pool: { maxConnections, maxInFlight, maxMessages: 6 },
              timeouts: { commandMs: 3000, dataMs: 3000, replyMs: 3000, greetingMs: 3000 },
            });
            try {
              const outcomes = await deliverAll(
                transport,
                mails.map(({ to, word, bytes }) =>
                  testMail({
                    to: to.map((name, index) => `${name}-${index}@example.net`),
                    text: `${word} content\n.\n${'x'.repeat(70)}\n`.padEnd(bytes, 'y\n'),
                  }),
                ),
              );
              await transport.close();
              audit(server, outcomes);
            } finally {
              await transport.destroy();
              await link.close();
              await server.close();
            }
          },
        ),
        { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40), endOnFailure: true },
      );
    },
    600_000,
  );
});
