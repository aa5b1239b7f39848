import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SinkCount, SinkStarted } from './sinks/serve.js';

/** A process of its own that answers one message at a time. It ends when we do. */
export class Child {
  private readonly process: ChildProcess;
  private gone: Error | undefined;

  constructor(
    private readonly file: string,
    args: readonly string[] = [],
    execArgv: readonly string[] = [],
  ) {
    const path = fileURLToPath(new URL(`${file}.js`, import.meta.url));
    this.process = fork(path, args, { execArgv: [...execArgv] });
    this.process.once('exit', (code, signal) => {
      this.gone = new Error(`${file} ended with ${signal ?? `code ${code}`}`);
    });
  }

  /** The next message that it sends. */
  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.gone) reject(this.gone);
      const onExit = (code: number | null): void => {
        reject(new Error(`${this.file} ended with code ${code}`));
      };
      this.process.once('exit', onExit);
      this.process.once('message', (message) => {
        this.process.off('exit', onExit);
        resolve(message as T);
      });
    });
  }

  ask<T>(question: object): Promise<T> {
    const answer = this.answer<T>();
    this.process.send(question);
    return answer;
  }

  /** Lets it clean up; kills it when it does not. */
  async stop(): Promise<void> {
    if (this.gone) return;
    const exited = new Promise((resolve) => this.process.once('exit', resolve));
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 8_000);
    if (this.process.connected) this.process.disconnect();
    await exited;
    clearTimeout(timer);
  }
}

/** A sink, or the delay in front of one. */
export class Sink {
  private constructor(
    private readonly child: Child,
    readonly port: number,
    readonly about: string,
  ) {}

  static async start(name: string, ...args: (string | number)[]): Promise<Sink> {
    const child = new Child(`sinks/${name}`, args.map(String));
    const { port, about } = await child.answer<SinkStarted>();
    return new Sink(child, port, about);
  }

  async accepted(): Promise<number> {
    const { accepted } = await this.child.ask<SinkCount>({});
    return accepted;
  }

  /** Waits until the sink has counted `expected`; answers what it counted at last. */
  async settled(expected: number, timeoutMs = 15_000): Promise<number> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const count = await this.accepted();
      if (count >= expected || Date.now() > until) return count;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop(): Promise<void> {
    return this.child.stop();
  }
}
