import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const APP = fileURLToPath(new URL('../fixtures/apps/relay-app.mjs', import.meta.url));

/** A process that accepts and relays mail; see relay-app.mjs. */
export class RelayProcess {
  readonly acknowledged: string[] = [];
  readonly refused: string[] = [];
  drained?: string;
  private readonly child: ChildProcessByStdio<null, Readable, null>;
  private readonly lines: Interface;
  private readonly gone: Promise<unknown>;
  private readonly ready: Promise<void>;

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, [APP], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(this.child, 'exit');
    const lines = createInterface({ input: this.child.stdout });
    this.lines = lines;
    const read = once(lines, 'close');
    this.gone = Promise.all([exit, read]);
    this.ready = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const word = line.split(' ', 1)[0];
        const rest = line.slice(line.indexOf(' ') + 1);
        if (word === 'ready') resolve();
        else if (word === 'ack') this.acknowledged.push(rest);
        else if (word === 'refused') this.refused.push(rest);
        else if (word === 'drained') this.drained = rest;
      });
      void exit.then(() => reject(new Error('The app ended before it was ready')));
    });
    this.ready.catch(() => undefined);
  }

  /** Resolves once so many sends are acknowledged; the app goes on sending meanwhile. */
  async untilAcknowledged(count: number): Promise<void> {
    await this.ready;
    while (this.acknowledged.length < count) await once(this.lines, 'line');
  }

  whenReady(): Promise<void> {
    return this.ready;
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.gone;
  }
}
