import { afterEach, describe, expect, it } from '@jest/globals';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../../fixtures/mail.js';
import {
  ScriptedSmtpServer,
  type ScriptedReply,
  type ScriptedSmtpOptions,
  type SmtpStep,
} from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll, verdicts } from '../../fixtures/smtp-audit.js';
import { MODE_NAMES, MODES, type ModeName } from './modes.js';

let server: ScriptedSmtpServer;
let transport: SmtpTransport;

async function start(mode: ModeName, options: ScriptedSmtpOptions = {}, pool = {}): Promise<void> {
  server = await ScriptedSmtpServer.start({ capabilities: MODES[mode], ...options });
  transport = new SmtpTransport({
    host: server.host,
    port: server.port,
    pool: { maxConnections: 1, ...pool },
    timeouts: { commandMs: 300, dataMs: 300, replyMs: 300, greetingMs: 300 },
  });
}

afterEach(async () => {
  await transport.destroy();
  await server.close();
});

/** Five mails at once over one connection, with one reply gone wrong. */
async function run(mode: ModeName, step: SmtpStep, at: number, reply: ScriptedReply) {
  await start(mode, {
    script: { [step]: ({ count }: { count: number }) => (count === at ? reply : undefined) },
  });
  const outcomes = await deliverAll(
    transport,
    Array.from({ length: 5 }, () => testMail()),
  );
  audit(server, outcomes);
  return outcomes;
}

const LOSSES: Record<string, ScriptedReply> = {
  'closes before': { drop: 'before' },
  'resets before': { drop: 'reset' },
  'closes after': { drop: 'after' },
  'says nothing more at': { hang: true },
  'closes with 421 at': { text: '421 4.3.2 closing', drop: 'after' },
  'answers nonsense at': { text: 'hello there' },
  'answers in single bytes at': { split: 'bytes' },
  'drips nonsense for ever at': { raw: `250-${'x'.repeat(400)}`, split: 'bytes', gapMs: 10 },
};

describe.each(MODE_NAMES)('a server in mode %s', (mode) => {
  const steps: SmtpStep[] = ['mail', 'rcpt', mode === 'chunking' ? 'bdat' : 'data', 'final'];
  describe.each(Object.entries(LOSSES))('that %s', (name, reply) => {
    it.each(steps.flatMap((step) => [1, 3].map((at) => [step, at] as const)))(
      '%s number %i: nothing is lost, doubled or falsely sent',
      async (step, at) => {
        const told = verdicts(await run(mode, step, at, reply));
        expect(told).not.toContain('permanent');
        if (name.includes('single bytes')) expect(told).toEqual(Array(5).fill('sent'));
        // Until the content is complete a loss costs nothing; a hang, or a 421, costs the mail it hit.
        if (mode !== 'chunking' && step !== 'final') {
          const bad = told.filter((one) => one !== 'sent');
          const waits = name.includes('nothing more') || name.includes('for ever');
          const closing = name.includes('421') && (step !== 'mail' || at === 1);
          if (waits) expect(bad).toEqual(['retry']);
          else if (closing) expect(bad).toContain('retry');
          // After 354 the content may have left before the end was seen.
          else if (name === 'closes after' && step === 'data') expect(bad.length).toBeLessThan(2);
          else if (reply.drop) expect(bad).toEqual([]);
          if (name.includes('nonsense')) {
            // What was said in the same breath as nonsense, the verdict before it, is worth nothing.
            expect(told.filter((one) => one === 'unknown').length).toBeLessThan(2);
          } else if (name !== 'closes after') {
            expect(told).not.toContain('unknown');
          }
        }
        if (step === 'final' && mode !== 'chunking' && reply.drop === 'before') {
          expect(told.filter((one) => one !== 'sent')).toEqual(['unknown']);
        }
      },
    );
  });

  const REFUSALS = [
    ['mail', '550 5.7.1 never', 'permanent', 'MAIL_SENDER'],
    ['rcpt', '450 4.2.0 later', 'retry', 'MAIL_RECIPIENTS'],
    ['rcpt', '550 5.1.1 never', 'permanent', 'MAIL_RECIPIENTS'],
    ['final', '451 4.3.0 later', 'retry', 'MAIL_CONTENT'],
    ['final', '554 5.6.0 never', 'permanent', 'MAIL_CONTENT'],
    ...(mode === 'chunking'
      ? []
      : ([
          ['data', '451 4.3.0 later', 'retry', 'MAIL_CONTENT'],
          ['data', '554 5.5.1 never', 'permanent', 'MAIL_CONTENT'],
        ] as const)),
  ] as const;
  it.each(REFUSALS)('refusing one mail at %s with "%s": %s, the others go', async (...row) => {
    const [step, text, disposition, code] = row;
    const outcomes = await run(mode, step, 3, { text });
    const failed = outcomes.filter(({ error }) => error);
    expect(failed.map(({ error }) => error!.toJSON())).toMatchObject([
      { code, disposition, fault: 'message', smtpCode: Number(text.slice(0, 3)), response: text },
    ]);
    expect(server.connections).toHaveLength(1);
  });

  it('saying 4yz to a MAIL once it has carried mail: that one goes over a new connection', async () => {
    const outcomes = await run(mode, 'mail', 3, { text: '450 4.2.0 later' });
    expect(verdicts(outcomes)).toEqual(Array(5).fill('sent'));
    expect(server.connections).toHaveLength(2);
  });

  it('settles each recipient on its own', async () => {
    await start(mode, {
      script: {
        rcpt: ({ address }) =>
          address.startsWith('no')
            ? '550 5.1.1 no'
            : address.startsWith('later')
              ? '450 4.2.1 later'
              : undefined,
      },
    });
    const to = ['a@x.example', 'no@x.example', 'b@x.example', 'later@x.example'];
    const outcomes = await deliverAll(transport, [
      testMail({ to }),
      testMail({ to: to.slice(1, 2) }),
      testMail({ to }),
    ]);
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(['sent', 'permanent', 'sent']);
    expect(outcomes[0]!.delivery).toMatchObject({
      accepted: ['a@x.example', 'b@x.example'],
      rejected: [
        { address: 'no@x.example', disposition: 'permanent', smtpCode: 550, enhancedCode: '5.1.1' },
        { address: 'later@x.example', disposition: 'retry', smtpCode: 450, enhancedCode: '4.2.1' },
      ],
    });
  });

  it('never gives a mail to the recipients of the one before', async () => {
    // A server that keeps the transaction open when it refuses content.
    const refused = new Set<number>([2, 3, 6]);
    await start(mode, {
      script: { final: ({ count }) => (refused.has(count) ? '552 5.3.4 too big' : undefined) },
    });
    const outcomes = await deliverAll(
      transport,
      Array.from({ length: 8 }, () => testMail()),
    );
    audit(server, outcomes);
    expect(verdicts(outcomes).filter((one) => one === 'permanent')).toHaveLength(3);
    for (const { content, to } of server.messages) {
      const { mail } = outcomes.find((one) => content.includes(one.mail.messageId))!;
      expect(to).toEqual(mail.envelope.to);
    }
  });

  it('goes back to one command at a time when replies are out of step', async () => {
    if (mode === 'lockstep') return;
    await start(mode, {
      script: { rcpt: ({ count }) => (count === 2 ? { defer: 1 } : undefined) },
    });
    const outcomes = await deliverAll(
      transport,
      Array.from({ length: 6 }, () => testMail()),
    );
    audit(server, outcomes);
    const later = await deliverAll(transport, [testMail(), testMail()]);
    audit(server, later);
    expect(verdicts(later)).toEqual(['sent', 'sent']);
  });

  it('that throws pipelined input away gets it one command at a time', async () => {
    await start(mode, { script: { rcpt: { discardInput: true } } });
    const outcomes = await deliverAll(
      transport,
      Array.from({ length: 3 }, () => testMail()),
    );
    audit(server, outcomes);
    expect(verdicts(outcomes)).not.toContain('permanent');
  });

  it('that turns each connection away after two mails costs the caller nothing', async () => {
    const perConnection = new Map<unknown, number>();
    await start(mode, {
      script: {
        mail: ({ connection }) => {
          const count = (perConnection.get(connection) ?? 0) + 1;
          perConnection.set(connection, count);
          return count > 2 ? { text: '421 4.7.0 too many', drop: 'after' } : undefined;
        },
      },
    });
    const outcomes = await deliverAll(
      transport,
      Array.from({ length: 7 }, () => testMail()),
    );
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(Array(7).fill('sent'));
    expect(server.connections.length).toBe(4);
  });

  it('keeps the order in which mails came', async () => {
    await start(mode);
    const mails = Array.from({ length: 30 }, () => testMail());
    expect(verdicts(await deliverAll(transport, mails))).toEqual(Array(30).fill('sent'));
    const seen = server.messages.map(({ content }) =>
      mails.findIndex((mail) => content.includes(mail.messageId)),
    );
    expect(seen).toEqual(mails.map((_, index) => index));
  });
});
