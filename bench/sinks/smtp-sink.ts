import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listening } from './free-port.js';
import { serveParent } from './serve.js';

/** Postfix's own test server: PIPELINING, no CHUNKING. Its running counter (`-c`) goes to a file. */
const folder = mkdtempSync(join(tmpdir(), 'bench-smtp-sink-'));
const file = openSync(join(folder, 'counter'), 'a+');
const port = await freePort();
// As root it insists on becoming somebody else.
const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
const sink = spawn('/usr/sbin/smtp-sink', [...user, '-c', `127.0.0.1:${port}`, '1024'], {
  stdio: ['ignore', file, 'inherit'],
});
sink.on('error', (error) => {
  throw error;
});
const stop = (): void => {
  sink.kill('SIGKILL');
  closeSync(file);
  rmSync(folder, { recursive: true, force: true });
};
try {
  await listening(port);
} catch (error) {
  stop();
  throw error;
}

/** The counter's last state: `sess=5 quit=0 mesg=17`. */
function accepted(): number {
  const tail = Buffer.alloc(200);
  const size = fstatSync(file).size;
  const read = readSync(file, tail, 0, tail.length, Math.max(0, size - tail.length));
  const counts = tail.toString('latin1', 0, read).match(/mesg=(\d+)(?=\D)/g);
  return Number(counts?.at(-1)?.slice(5) ?? '0');
}

serveParent({ port, about: 'smtp-sink' }, accepted, stop);
