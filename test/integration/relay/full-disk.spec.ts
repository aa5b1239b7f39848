import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { systemClock } from '../../../lib/base/clock.js';
import type { MailError } from '../../../lib/base/errors.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { accept, ScriptedTransport } from '../../fixtures/scripted-transport.js';

const MB = 1024 * 1024;
const DISK = 48 * MB;

/** A disk of its own, small; absent where nobody lets us mount one. */
function mountDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'mail-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

const mountable = mountDisk();
if (mountable === undefined) {
  process.stderr.write('NOT TESTED on a real full disk: mounting a tmpfs needs root. `maxBytes` stands in for it in spool.spec.ts.\n'); // prettier-ignore
} else {
  execFileSync('umount', [mountable]);
  rmSync(mountable, { recursive: true });
}

(mountable === undefined ? describe.skip : describe)('a full disk', () => {
  let disk: string;
  let transport: ScriptedTransport;
  const services: MailService[] = [];
  beforeEach(() => {
    disk = mountDisk()!;
    transport = new ScriptedTransport();
    Logger.overrideLogger(false);
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((mail) => mail.drain(1_000)));
    // Lazily: libsql keeps the file open until its statements are collected.
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
    Logger.overrideLogger(['error', 'warn', 'log']);
  });

  async function open(more: Record<string, unknown>): Promise<MailService> {
    const path = join(disk, 'mail.db');
    const options = readSpoolOptions({ path, thread: false, pollIntervalMs: 10, ...more });
    const relay = { relay: new SpoolRelay(options), options: options.relay };
    const mail = new MailService({ transport: transport, relay, events: new EventBus(), clock: systemClock }); // prettier-ignore
    services.push(mail);
    await mail.start();
    return mail;
  }

  const message = () => ({
    from: 'a@example.com',
    to: 'b@example.net',
    text: 'x'.repeat(20_000),
  });

  /** Sends until the door says no. Answers the ids that it took, and its refusal. */
  async function fill(mail: MailService): Promise<{ taken: string[]; refusal: MailError }> {
    const taken: string[] = [];
    for (;;) {
      try {
        taken.push((await mail.send(message())).id);
      } catch (error) {
        return { taken, refusal: error as MailError };
      }
    }
  }

  /** A file of another program. */
  const ballast = () => join(disk, 'ballast');

  function takeTheRest(): void {
    const { bavail, bsize } = statfsSync(disk);
    appendFileSync(ballast(), Buffer.alloc(bavail * bsize));
    expect(statfsSync(disk).bavail).toBe(0);
  }

  async function delivered(ids: readonly string[]): Promise<void> {
    const sent = () => new Set(transport.taken.map(({ mail }) => mail.id));
    while (!ids.every((id) => sent().has(id))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(transport.taken).toHaveLength(sent().size);
  }

  it('rejects at the door while mail goes out, and takes mail again once there is room', async () => {
    transport.script = () => 'hold';
    const mail = await open({ minFreeBytes: 20 * MB });
    const { taken, refusal } = await fill(mail);
    expect(taken.length).toBeGreaterThan(50);
    expect(refusal).toMatchObject({ code: 'MAIL_RELAY', disposition: 'retry' });
    expect(refusal.message).toMatch(/disk is full/);
    transport.script = (one) => accept(one);
    transport.letGo();
    await delivered(taken);
    expect(await mail.relay!.stats()).toMatchObject({ queued: 0, dead: 0 });
  });

  it('without a byte left loses nothing, and goes on by itself once there is room', async () => {
    writeFileSync(ballast(), Buffer.alloc(20 * MB));
    transport.script = () => 'hold';
    const mail = await open({ minFreeBytes: 0 });
    const { taken, refusal } = await fill(mail);
    expect(taken.length).toBeGreaterThan(50);
    takeTheRest();
    expect(refusal).toMatchObject({ code: 'MAIL_RELAY', disposition: 'retry' });
    // What is under way ends now, and cannot be recorded.
    const stalled = firstValueFrom(mail.events$.pipe(filter(({ type }) => type === 'stalled')));
    transport.script = (one) => accept(one);
    transport.letGo();
    expect(await stalled).toMatchObject({ error: { message: expect.stringMatching(/full/) } });
    await expect(mail.send(message())).rejects.toMatchObject({ code: 'MAIL_RELAY' });
    rmSync(ballast());
    await delivered(taken);
    const more = await mail.send(message());
    await delivered([...taken, more.id]);
  });
});
