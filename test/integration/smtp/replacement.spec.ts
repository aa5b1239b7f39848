import { describe, expect, it } from '@jest/globals';
import { testMail } from '../../fixtures/mail.js';
import type { StepContext } from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll, verdicts } from '../../fixtures/smtp-audit.js';
import { smtpTransports } from '../../fixtures/smtp-transports.js';
import { MODE_NAMES, MODES } from './modes.js';

const transports = smtpTransports();
const mails = (count: number) => Array.from({ length: count }, () => testMail());

describe.each(MODE_NAMES)('a connection that reaches maxMessages (%s)', (mode) => {
  const capabilities = MODES[mode];

  it('has its successor opened beforehand, which takes mail only once it is through', async () => {
    const takenBefore: number[] = [];
    const order: number[] = [];
    const { server, transport } = await transports.start(
      {
        capabilities,
        script: {
          greeting: () => void takenBefore.push(server.messages.length),
          mail: ({ connection }) => void order.push(connection.id),
        },
      },
      { pool: { maxConnections: 1, maxMessages: 40, maxInFlight: 2 } },
    );
    const told = await deliverAll(transport, mails(100));
    await transport.close();
    audit(server, told);
    expect(verdicts(told)).toEqual(Array(100).fill('sent'));
    expect(server.connections.map(({ wireContents }) => wireContents.length)).toEqual([40, 40, 20]);
    expect(takenBefore[1]).toBeLessThan(40);
    expect(takenBefore[2]).toBeLessThan(80);
    expect(order).toEqual([...Array(40).fill(1), ...Array(40).fill(2), ...Array(20).fill(3)]);
    expect(server.connections.every(({ quit }) => quit)).toBe(true);
  });

  it('is replaced once it is gone by a server that takes no further connection, which is asked once', async () => {
    const { server, transport } = await transports.start(
      {
        capabilities,
        script: {
          greeting: () =>
            server.openConnections > 1 ? { text: '421 4.7.0 too many', drop: 'after' } : undefined,
        },
      },
      { pool: { maxConnections: 1, maxMessages: 20 } },
    );
    const told = await deliverAll(transport, mails(100));
    await transport.close();
    audit(server, told);
    expect(verdicts(told)).toEqual(Array(100).fill('sent'));
    const taken = server.connections.map(({ wireContents }) => wireContents.length);
    expect(taken.filter((count) => count > 0)).toEqual(Array(5).fill(20));
    expect(taken.filter((count) => count === 0)).toHaveLength(1);
  });

  it.each([1, 7])(
    'may meet a limit of the server, %i, before its own: all is sent',
    async (limit) => {
      const over = ({ connection }: StepContext) =>
        connection.wireContents.length >= limit
          ? { text: '421 4.7.0 too many mails in this session', drop: 'after' as const }
          : undefined;
      const { server, transport } = await transports.start({
        capabilities,
        script: { mail: over },
      });
      const told = await deliverAll(transport, mails(100));
      await transport.close();
      audit(server, told);
      expect(verdicts(told)).toEqual(Array(100).fill('sent'));
    },
  );
});

describe('with PIPELINING alone', () => {
  it('a content and the envelope behind it leave in one write (RFC 2920)', async () => {
    const { server, transport } = await transports.start(
      { capabilities: MODES.pipelining },
      { pool: { maxConnections: 1 } },
    );
    await deliverAll(transport, mails(10));
    const reads = server.connections[0]!.plainChunks.map(String);
    const joined = reads.filter((read) =>
      /\r\n\.\r\nMAIL FROM.*\r\nRCPT TO.*\r\nDATA\r\n$/.test(read),
    );
    expect(joined).toHaveLength(9);
  });
});
