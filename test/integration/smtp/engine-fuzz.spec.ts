import { describe, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../../fixtures/mail.js';
import {
  ScriptedSmtpServer,
  type ScriptedReply,
  type SmtpStep,
} from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll } from '../../fixtures/smtp-audit.js';
import { MODE_NAMES, MODES, type ModeName } from './modes.js';

const STEPS: readonly SmtpStep[] = ['mail', 'rcpt', 'data', 'bdat', 'final', 'rset'];
const OWN_WORDS: Partial<Record<SmtpStep, string>> = {
  mail: '250 2.1.0 sender ok',
  rcpt: '250 2.1.5 recipient ok',
  data: '354 go on',
  bdat: '503 5.5.1 no',
  final: '250 2.0.0 taken',
  rset: '250 2.0.0 flushed',
};

/** A reply of any class. A server that offers ENHANCEDSTATUSCODES has them in all replies (RFC 2034). */
const anyText = fc.constantFrom(
  '450 4.2.0 later',
  '421 4.3.2 closing',
  '452 4.5.3 too many',
  '550 5.1.1 no',
  '554 5.6.0 no',
  '503 5.5.1 bad sequence',
  '354 go on',
  '334 what',
  '221 2.0.0 bye',
  '999 nonsense',
  'nonsense',
);
const travel = fc.record(
  {
    split: fc.oneof(
      fc.constant('bytes' as const),
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }),
    ),
    drop: fc.constantFrom('before' as const, 'after' as const, 'reset' as const),
    hang: fc.constant(true),
  },
  { requiredKeys: [] },
);
/** Replies too many, too few or in the wrong place. Two of them could make up for each other. */
const miscount = fc.constantFrom<ScriptedReply | 'twice'>({ raw: '' }, 'twice', {
  discardInput: true,
});
const misorder = fc.constantFrom<ScriptedReply>({ defer: 1 }, { defer: 2 });
/** Not between recipients: a server that swaps their replies cannot be told from an honest one. */
const NOT_RCPT = STEPS.filter((step) => step !== 'rcpt');

function mischief<T>(kind: fc.Arbitrary<T>, steps: readonly SmtpStep[] = STEPS) {
  const step = fc.constantFrom(...steps);
  return fc.record({ step, at: fc.integer({ min: 1, max: 8 }), kind });
}

/** Over LMTP the final replies stand for recipients, too. */
const NOT_FINAL = STEPS.filter((step) => step !== 'final');

const plansFor = (lmtp: boolean) =>
  fc
    .tuple(
      fc.option(
        fc.oneof(
          mischief(miscount, lmtp ? NOT_FINAL : STEPS),
          mischief(misorder, lmtp ? NOT_FINAL.filter((step) => step !== 'rcpt') : NOT_RCPT),
        ),
      ),
      fc.array(
        mischief(
          fc.oneof(
            anyText.map((text): ScriptedReply => ({ text })),
            travel,
          ),
        ),
        {
          maxLength: 5,
        },
      ),
    )
    .map(([first, rest]) => (first ? [first, ...rest] : rest));

/** Fails instead of waiting for ever when a promise is never settled. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('a delivery was never settled'));
    }, ms);
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}

const TRANSPORTS: [name: string, mode: ModeName, lmtp: boolean][] = [
  ...MODE_NAMES.map((mode): [string, ModeName, boolean] => [mode, mode, false]),
  ['lockstep of LMTP', 'lockstep', true],
  ['pipelining of LMTP', 'pipelining', true],
];

describe.each(TRANSPORTS)('a server in mode %s whose replies are made up', (_, mode, lmtp) => {
  it('never makes us report a mail as sent, or as not sent, that is not', async () => {
    await fc.assert(
      fc.asyncProperty(
        plansFor(lmtp),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 2 }),
        async (plan, recipients, maxConnections) => {
          const script = Object.fromEntries(
            STEPS.map((step) => [
              step,
              ({ count }: { count: number }): ScriptedReply | undefined => {
                const found = plan.find((one) => one.step === step && one.at === count);
                if (found?.kind !== 'twice') return found?.kind;
                return { raw: `${OWN_WORDS[step]!}\r\n${OWN_WORDS[step]!}\r\n` };
              },
            ]),
          );
          const server = await ScriptedSmtpServer.start({
            capabilities: MODES[mode],
            script,
            lmtp,
          });
          const transport = new SmtpTransport({
            host: server.host,
            port: server.port,
            lmtp,
            pool: { maxConnections, maxInFlight: 4 },
            timeouts: { commandMs: 80, dataMs: 80, replyMs: 80, greetingMs: 1000 },
          });
          try {
            const mails = recipients.map((count) =>
              testMail({ to: Array.from({ length: count }, (_, i) => `r${i}@example.net`) }),
            );
            audit(server, await within(8_000, deliverAll(transport, mails)));
            await within(5_000, transport.close());
          } finally {
            await transport.destroy();
            await server.close();
          }
        },
      ),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40), endOnFailure: true },
    );
  }, 600_000);
});
