import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';

/** The app is plain JavaScript on the built package, so that signals meet what users run. */
const APP = fileURLToPath(new URL('../fixtures/apps/drain-app.mjs', import.meta.url));
const SENDS = 200;
const DRAIN_TIMEOUT_MS = 1_500;
/** Answers so slowly that a pool of 5 cannot finish SENDS mails by the deadline. */
const REPLY_DELAY_MS = 100;

interface Line {
  readonly ready?: true;
  readonly farewell?: string;
  readonly messageId?: string;
  readonly outcome?: 'sent' | 'failed';
  readonly code?: string;
  readonly disposition?: string;
  readonly drained?: {
    sent: number;
    failed: number;
    abandoned: { messageId: string; disposition: string }[];
  };
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const later = (fn: () => void) => setTimeout(fn, REPLY_DELAY_MS);

/** A real SMTP server that keeps a ledger of the Message-IDs it took, and of polite goodbyes. */
async function slowSmtp() {
  const taken: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () =>
        later(() => {
          taken.push(messageIdOf(Buffer.concat(chunks).toString()));
          callback();
        }),
      );
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  return { taken, transport: { type: 'smtp', host: '127.0.0.1', port } };
}

async function slowWebApi() {
  const taken: string[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      later(() => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as {
          headers: Record<string, string>;
        };
        taken.push(body.headers['Message-ID'] ?? '');
        response.writeHead(202, { 'X-Message-Id': `remote-${taken.length}` }).end();
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    taken,
    transport: {
      type: 'web-api',
      provider: 'sendgrid',
      apiKey: 'SG.test',
      baseUrl: `http://127.0.0.1:${port}`,
      connections: 5,
    },
  };
}

function messageIdOf(source: string): string {
  return /^message-id:\s*(<[^>]+>)/im.exec(source)?.[1] ?? '';
}

async function runUntilSigterm(transport: object, env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, [APP], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      TRANSPORT: JSON.stringify(transport),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines: Line[] = [];
  const log: string[] = [];
  child.stderr!.setEncoding('utf8').on('data', (text: string) => log.push(text));
  let killedAt = 0;
  createInterface({ input: child.stdout! }).on('line', (text) => {
    if (!text.startsWith('{')) {
      log.push(text);
      return;
    }
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.ready) {
      killedAt = performance.now();
      child.kill('SIGTERM');
    }
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { lines, log: log.join('\n'), code, signal, tookMs: performance.now() - killedAt };
}

describe.each([
  ['smtp', slowSmtp],
  ['web-api', slowWebApi],
])('SIGTERM over %s', (_, slowServer) => {
  it(`settles ${SENDS} sends in flight against a slow server, and the server saw what was reported`, async () => {
    const { taken, transport } = await slowServer();
    const run = await runUntilSigterm(transport, {
      SENDS: String(SENDS),
      DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
    });

    const settled = run.lines.filter((line) => line.outcome !== undefined);
    expect(new Set(settled.map((line) => line.messageId)).size).toBe(SENDS);
    expect(settled).toHaveLength(SENDS);

    const ids = (disposition: string) =>
      settled.filter((line) => line.disposition === disposition).map((line) => line.messageId);
    const sent = settled.filter((line) => line.outcome === 'sent').map((line) => line.messageId);
    const loads = taken.filter((id) => id.startsWith('<load-'));
    expect(sent.length).toBeGreaterThan(0);
    expect(ids('retry').length).toBeGreaterThan(0);
    // At most what five connections had on the wire may be in doubt, and only that.
    expect(ids('unknown').length).toBeLessThanOrEqual(5);
    expect(new Set(taken).size).toBe(taken.length);
    expect(loads).toEqual(expect.arrayContaining(sent));
    const unknown = new Set(ids('unknown'));
    expect(loads.filter((id) => !unknown.has(id)).sort()).toEqual([...sent].sort());

    const { drained } = run.lines.find((line) => line.drained) ?? {};
    const abandoned = settled.filter((line) => line.outcome === 'failed');
    expect(drained?.abandoned.map((mail) => mail.messageId).sort()).toEqual(
      abandoned.map((line) => line.messageId).sort(),
    );
    expect(run.log).toMatch(new RegExp(`Drained in \\d+ ms: .* ${abandoned.length} abandoned`));
    expect(run.signal).toBe('SIGTERM');
    // The deadline, half a second to tear down, and a wide margin for a busy machine.
    expect(run.tookMs).toBeLessThan(DRAIN_TIMEOUT_MS + 500 + 3_000);
  });

  it('loses nothing when the deadline is long enough, the farewell of another module included', async () => {
    const { taken, transport } = await slowServer();
    const run = await runUntilSigterm(transport, {
      SENDS: '20',
      DRAIN_TIMEOUT_MS: '20000',
      FAREWELL: '1',
    });
    const farewell = run.lines.find((line) => line.farewell)?.farewell;
    const sent = run.lines.filter((line) => line.outcome === 'sent').map((line) => line.messageId);
    expect(sent).toHaveLength(20);
    expect([...taken].sort()).toEqual([...sent, farewell].sort());
    expect(run.lines.find((line) => line.drained)?.drained).toMatchObject({
      failed: 0,
      abandoned: [],
    });
    expect(run.log).toMatch(/Drained in \d+ ms: \d+ sent, 0 failed, 0 released, 0 abandoned/);
  });
});
