import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Postfix } from './postfix.js';
import { startProvider, type Provider } from './provider.js';

/** The provider's stand-in and the Postfix beside the app, in a folder that goes with them. */
@Injectable()
export class SetUp implements OnApplicationShutdown {
  private constructor(
    private readonly folder: string,
    readonly provider: Provider,
    readonly postfix: Postfix,
  ) {}

  static async start(): Promise<SetUp> {
    const folder = mkdtempSync(join(tmpdir(), 'mail-sample-postfix-'));
    const provider = await startProvider(folder);
    try {
      return new SetUp(folder, provider, await Postfix.start(folder, provider));
    } catch (error) {
      await provider.close();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.postfix.stop();
    await this.provider.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
