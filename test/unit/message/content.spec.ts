import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import {
  MailDeliveryError,
  MailValidationError,
  type MailIssue,
} from '../../../lib/base/errors.js';
import {
  loadContent,
  needsContent,
  type ContentAllowance,
} from '../../../lib/message/content/content.js';
import { loadFile } from '../../../lib/message/content/content-file.js';
import { originOf } from '../../../lib/message/content/content-url.js';
import { createMail } from '../../../lib/message/create-mail.js';
import { readMailOptions } from '../../../lib/module/mail.options.js';
import type { MailAttachmentInput, MailMessage } from '../../../lib/message/message.js';
import { base } from './support.js';

const withOne = (attachment: MailAttachmentInput): MailMessage => ({
  ...base,
  attachments: [attachment],
});

async function load(attachment: MailAttachmentInput, allow: ContentAllowance) {
  const message = await loadContent(withOne(attachment), allow);
  return createMail(message).attachments[0]!;
}

async function refused(
  attachment: MailAttachmentInput,
  allow: ContentAllowance,
): Promise<readonly MailIssue[]> {
  const error: unknown = await loadContent(withOne(attachment), allow).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(MailValidationError);
  return (error as MailValidationError).issues;
}

it('needsContent: only for a path or an href', () => {
  expect(needsContent(base)).toBe(false);
  expect(needsContent(withOne({ content: 'x' }))).toBe(false);
  expect(needsContent(withOne({ path: 'x' }))).toBe(true);
  expect(needsContent(withOne({ href: 'x' }))).toBe(true);
  expect(needsContent(null as unknown as MailMessage)).toBe(false);
  expect(needsContent({ attachments: 'x' } as unknown as MailMessage)).toBe(false);
});

describe('path', () => {
  let root: string;
  let inside: string;

  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'mail-content-')));
    inside = join(root, 'allowed');
    mkdirSync(join(inside, 'sub'), { recursive: true });
    mkdirSync(join(root, 'allowed-not'));
    writeFileSync(join(inside, 'a.txt'), 'inside');
    writeFileSync(join(inside, 'sub', 'b.pdf'), 'deep');
    writeFileSync(join(inside, 'large'), Buffer.alloc(200_000, 7));
    writeFileSync(join(root, 'secret.txt'), 'secret');
    writeFileSync(join(root, 'allowed-not', 'c.txt'), 'beside');
    symlinkSync(join(root, 'secret.txt'), join(inside, 'link.txt'));
    symlinkSync(root, join(inside, 'out'));
    symlinkSync(join(inside, 'a.txt'), join(inside, 'good-link.txt'));
    symlinkSync(inside, join(root, 'alias'));
    execFileSync('mkfifo', [join(inside, 'pipe')]);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('reads a file under an allowed folder', async () => {
    const allow = { paths: [inside] };
    expect(await load({ path: join(inside, 'sub', 'b.pdf') }, allow)).toMatchObject({
      content: Buffer.from('deep'),
      filename: 'b.pdf',
      contentType: 'application/pdf',
    });
    expect(
      await load(
        { path: join(inside, 'a.txt'), filename: 'x.bin', cid: 'c', encoding: 'base64' },
        allow,
      ),
    ).toMatchObject({ content: Buffer.from('inside'), filename: 'x.bin', cid: 'c' });
    expect((await load({ path: join(inside, 'large') }, allow)).content).toHaveLength(200_000);
  });

  it('reads relative paths, and links that stay inside', async () => {
    const path = relative(process.cwd(), join(inside, 'a.txt'));
    const paths = [relative(process.cwd(), inside)];
    expect((await load({ path }, { paths })).content.toString()).toBe('inside');
    const link = join(inside, 'good-link.txt');
    expect((await load({ path: link }, { paths })).content.toString()).toBe('inside');
    const alias = { paths: [join(root, 'alias')] };
    expect((await load({ path: join(root, 'alias', 'a.txt') }, alias)).content.toString()).toBe(
      'inside',
    );
    expect((await load({ path: join(inside, 'a.txt') }, alias)).content.toString()).toBe('inside');
  });

  it.each([
    ['a file outside', () => join(root, 'secret.txt')],
    ['a file of a folder with the same beginning', () => join(root, 'allowed-not', 'c.txt')],
    ['..', () => `${inside}/../secret.txt`],
    ['a link to a file outside', () => join(inside, 'link.txt')],
    ['a link to a folder outside', () => join(inside, 'out', 'secret.txt')],
    ['/etc/passwd', () => '/etc/passwd'],
    ['a file outside that is not there', () => join(root, 'none.txt')],
    ['the folder itself', () => inside],
    ['a file: URL', () => `file://${inside}/a.txt`],
    ['a data: URI', () => 'data:text/plain,x'],
  ])('refuses %s', async (_, path) => {
    const issues = await refused({ path: path() }, { paths: [inside] });
    expect(issues).toEqual([
      {
        path: 'attachments[0].path',
        problem: expect.stringContaining('outside the folders'),
        fix: expect.any(String),
      },
    ]);
  });

  it.each([
    ['a file that is not there', 'none.txt', 'no regular file'],
    ['a folder', 'sub', 'no regular file'],
    ['a pipe, without waiting for its writer', 'pipe', 'no regular file'],
  ])('refuses %s', async (_, name, problem) => {
    const issues = await refused({ path: join(inside, name) }, { paths: [inside] });
    expect(issues[0]!.problem).toContain(problem);
  });

  it('refuses a file that never ends, and one over the limit', async () => {
    expect((await refused({ path: '/dev/zero' }, { paths: ['/dev'] }))[0]!.problem).toContain(
      'no regular',
    );
    // Its size as told is 0, and there is more.
    const proc = { path: '/proc/self/maps' };
    expect((await refused(proc, { paths: ['/proc'], maxBytes: 10 }))[0]!.problem).toContain(
      'larger than the 10',
    );
    const large = { path: join(inside, 'large') };
    expect((await refused(large, { paths: [inside], maxBytes: 199_999 }))[0]!.problem).toContain(
      'larger',
    );
  });

  it('has one limit for all of a message', async () => {
    const attachments = [{ path: join(inside, 'a.txt') }, { path: join(inside, 'a.txt') }];
    const allow = { paths: [inside], maxBytes: 11 };
    await expect(loadContent({ ...base, attachments }, allow)).rejects.toMatchObject({
      issues: [{ path: 'attachments[1].path', problem: expect.stringContaining('5 bytes') }],
    });
  });

  it.each([undefined, []])('refuses every path when %j is allowed', async (paths) => {
    expect(await refused({ path: join(inside, 'a.txt') }, { paths })).toHaveLength(1);
  });

  it('names every fault, and leaves the message alone', async () => {
    const message = {
      ...base,
      attachments: [
        { path: '/etc/passwd' },
        { content: 'fine' },
        { path: join(inside, 'a.txt'), content: 'x' },
        { path: 7 as unknown as string },
        { path: join(inside, 'a\0.txt') },
        { href: 'http://127.0.0.1/' },
      ],
    };
    const before = structuredClone(message);
    await expect(loadContent(message, { paths: [inside] })).rejects.toMatchObject({
      issues: [
        { path: 'attachments[0].path' },
        { path: 'attachments[2]' },
        { path: 'attachments[3].path' },
        { path: 'attachments[4].path' },
        { path: 'attachments[5].href' },
      ],
    });
    expect(message).toEqual(before);
  });

  it('copies: unknown fields for createMail to name, accessors, all but the paths', async () => {
    class Report {
      readonly #from = 'a@x.y';
      get from() {
        return this.#from;
      }
      to = 'b@x.y';
      text = '';
      attachments = [Object.freeze({ path: join(inside, 'a.txt'), colour: 'red' })];
    }
    const loaded = await loadContent(new Report(), { paths: [inside] });
    expect(() => createMail(loaded)).toThrow('attachments[0].colour: is an unknown field');
    expect(loaded.from).toBe('a@x.y');
  });

  describe('a folder that is swapped for a link to another one, and back, between any two calls', () => {
    let folder: string;
    let elsewhere: string;
    let swapped = false;

    beforeAll(() => {
      folder = join(inside, 'swap');
      elsewhere = join(root, 'elsewhere');
      for (const [made, text] of [
        [folder, 'public'],
        [elsewhere, 'secret'],
      ] as const) {
        mkdirSync(made);
        writeFileSync(join(made, 'a.txt'), text);
      }
    });

    const swap = (to: boolean): void => {
      if (to === swapped) return;
      if (to) {
        renameSync(folder, `${folder}-away`);
        symlinkSync(elsewhere, folder);
      } else {
        unlinkSync(folder);
        renameSync(`${folder}-away`, folder);
      }
      swapped = to;
    };

    /** The file system as it stands at each call: `states[i]` says whether the folder is swapped by then. */
    const racing = (states: readonly boolean[], proc: boolean) => {
      let call = 0;
      const at = <A extends unknown[], R>(run: (...args: A) => Promise<R>) => {
        return (...args: A): Promise<R> => {
          swap(states[call] ?? false);
          call += 1;
          return run(...args);
        };
      };
      return {
        open: at(
          fs.open as (path: string, flags: number) => Promise<fs.FileHandle>,
        ) as typeof fs.open,
        realpath: at((path: string) => fs.realpath(path)) as typeof fs.realpath,
        lstat: at((path: string) => fs.lstat(path)),
        readlink: at((path: string) =>
          proc ? fs.readlink(path) : Promise.reject(new Error('none')),
        ),
      };
    };

    const readAs = async (states: readonly boolean[], proc: boolean): Promise<string> => {
      try {
        const calls = racing(states, proc);
        const bytes = await loadFile(join(folder, 'a.txt'), [inside], 1000, calls);
        return Buffer.isBuffer(bytes) ? bytes.toString() : 'refused';
      } finally {
        swap(false);
      }
    };

    (process.platform === 'linux' ? it : it.skip)(
      'never gives what lies outside, in every order of swaps',
      async () => {
        const seen = new Set<string>();
        // realpath, the three parts of the way, open, the place of what was opened.
        for (let bits = 0; bits < 64; bits += 1) {
          const states = Array.from({ length: 6 }, (_, i) => (bits & (1 << i)) !== 0);
          seen.add(await readAs(states, true));
        }
        expect([...seen].sort()).toEqual(['public', 'refused']);
      },
    );

    it('nor where no system tells the place: however long the folder is away', async () => {
      const seen = new Set<string>();
      // realpath, the way, open, a place that nobody tells, the way again.
      const length = 9;
      for (let from = 0; from <= length; from += 1) {
        for (let to = from; to <= length; to += 1) {
          const states = Array.from({ length }, (_, i) => i >= from && i < to);
          seen.add(await readAs(states, false));
        }
      }
      expect([...seen].sort()).toEqual(['public', 'refused']);
    });

    it('nor against another process that swaps as fast as it can', async () => {
      const code = `
        const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
        const [folder, elsewhere] = process.argv.slice(1);
        process.send('ready');
        for (;;) {
          renameSync(folder, folder + '-away');
          symlinkSync(elsewhere, folder);
          unlinkSync(folder);
          renameSync(folder + '-away', folder);
        }`;
      const swapper = spawn(process.execPath, ['-e', code, folder, elsewhere], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const gone = once(swapper, 'exit');
      await once(swapper, 'message');
      const seen: Record<string, number> = {};
      for (let i = 0; i < 3_000; i += 1) {
        const bytes = await loadFile(join(folder, 'a.txt'), [inside], 1000);
        const what = Buffer.isBuffer(bytes) ? bytes.toString() : 'refused';
        seen[what] = (seen[what] ?? 0) + 1;
      }
      swapper.kill('SIGKILL');
      await gone;
      expect(Object.keys(seen)).not.toContain('secret');
      expect(Object.keys(seen)).toContain('refused');
    });
  });
});

describe('origins', () => {
  it.each([
    ['https://cdn.example.com', 'https://cdn.example.com'],
    ['https://CDN.example.com:443/', 'https://cdn.example.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['https://x/public/', undefined],
    ['https://x/?', undefined],
    ['https://x/#', undefined],
    ['https://u:p@x', undefined],
    ['ftp://x', undefined],
    ['file:///', undefined],
    ['x.example', undefined],
    ['*', undefined],
  ])('%s: %s', (text, origin) => {
    expect(originOf(text)).toBe(origin);
  });

  it('refuses a path at boot, and names the fix', () => {
    const boot = (origins: unknown) =>
      readMailOptions({ transport: 'memory:', content: { origins } });
    expect(() => boot(['https://cdn.example.com', 'https://x.example/public/'])).toThrow(
      'Expected `content.origins[1]` to be an origin as `https://cdn.example.com`, without path, query and user; ' +
        'write `https://x.example`, which allows all of it, got "https://x.example/public/".',
    );
    expect(() => boot(['https://user:s3cret@x.example'])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    );
    expect(boot(['https://X.example/']).content?.origins).toEqual(['https://x.example']);
  });
});

describe('href', () => {
  let server: Server | undefined;
  let requests: IncomingMessage[] = [];

  async function serve(listener: RequestListener): Promise<string> {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request);
      listener(request, response);
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  afterEach(async () => {
    const closing = server;
    server = undefined;
    closing?.closeAllConnections();
    if (closing) await new Promise((resolve) => closing.close(resolve));
  });

  it('fetches from an allowed origin', async () => {
    const origin = await serve((_, response) => response.end('bytes'));
    const attachment = await load(
      { href: `${origin}/a%20b.png?token=1` },
      { origins: [`${origin}/`] },
    );
    expect(attachment).toMatchObject({
      content: Buffer.from('bytes'),
      filename: 'a b.png',
      contentType: 'image/png',
    });
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /a%20b.png?token=1',
    ]);
  });

  it.each([
    ['another port', (origin: string) => origin.replace(/\d+$/, (port) => `${Number(port) - 1}`)],
    ['another host', (origin: string) => origin.replace('127.0.0.1', 'localhost')],
    ['another scheme', (origin: string) => origin.replace('http:', 'https:')],
    ['a user in the URL', (origin: string) => origin.replace('http://', 'http://u:p@')],
    ['a host that only begins alike', (origin: string) => `${origin}.evil.example`],
    ['a user that looks like the host', (origin: string) => `${origin}@evil.example`],
    ['a file', () => 'file:///etc/passwd'],
    ['no URL', () => '/etc/passwd'],
  ])('refuses %s, and asks nobody', async (_, href) => {
    const origin = await serve((_request, response) => response.end());
    const issues = await refused({ href: href(origin) }, { origins: [origin] });
    expect(issues).toMatchObject([
      { path: 'attachments[0].href', problem: expect.stringContaining('outside the origins') },
    ]);
    expect(requests).toEqual([]);
  });

  it('follows no redirect, not even on the same origin', async () => {
    const origin = await serve((_, response) => response.writeHead(302, { location: '/b' }).end());
    const issues = await refused({ href: `${origin}/a` }, { origins: [origin] });
    expect(issues[0]!.problem).toContain('answered 302; redirects are not followed');
    expect(requests.map(({ url }) => url)).toEqual(['/a']);
  });

  it.each([404, 500, 204])('refuses an answer of %i', async (status) => {
    const origin = await serve((_, response) => response.writeHead(status).end());
    expect(
      (await refused({ href: `${origin}/a?token=s3cret` }, { origins: [origin] }))[0]!,
    ).toMatchObject({
      problem: expect.stringMatching(`^"${origin}/a" answered ${status}`),
    });
  });

  it('refuses an encoding that would grow', async () => {
    const origin = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    expect((await refused({ href: `${origin}/a` }, { origins: [origin] }))[0]!.problem).toContain(
      'encoding',
    );
  });

  it('stops at the limit: by the length told, and by the bytes that came', async () => {
    const told = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000000000' }).write('x');
    });
    expect(
      (await refused({ href: told }, { origins: [told], maxBytes: 10 }))[0]!.problem,
    ).toContain('larger');
    server!.closeAllConnections();
    server!.close();
    let closed: Promise<unknown> | undefined;
    let sent = 0;
    const endless = await serve((_, response) => {
      closed = new Promise((resolve) => response.once('close', resolve));
      const more = (): void => {
        do sent += 16_384;
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', more);
      more();
    });
    const issues = await refused({ href: endless }, { origins: [endless], maxBytes: 100_000 });
    expect(issues[0]!.problem).toContain('larger than the 100000 bytes');
    await closed; // the connection is torn down, not read to its end
    expect(sent).toBeLessThan(16 << 20); // what the sockets' buffers may hold beside the limit
  });

  it.each([
    ['never answers', () => undefined],
    [
      'never ends',
      (_: unknown, response: { write(text: string): unknown }) => void response.write('x'),
    ],
  ])('gives up on a server that %s', async (_, listener) => {
    const origin = await serve(listener);
    const issues = await refused({ href: `${origin}/a` }, { origins: [origin], timeoutMs: 50 });
    expect(issues[0]!.problem).toContain('within 50 ms');
  });

  it('names a connection that was refused or cut', async () => {
    const origin = await serve((request) => request.socket.destroy());
    expect((await refused({ href: origin }, { origins: [origin] }))[0]!.problem).toContain(
      'could not be fetched',
    );
    server!.close();
    expect((await refused({ href: origin }, { origins: [origin] }))[0]!.problem).toContain(
      'ECONNREFUSED',
    );
  });

  it('stops when the caller aborts, before and during', async () => {
    const controller = new AbortController();
    const origin = await serve(() => controller.abort(new Error('enough')));
    const message = withOne({ href: `${origin}/a` });
    const run = () => loadContent(message, { origins: [origin] }, controller.signal);
    for (const expected of [1, 1]) {
      const error: unknown = await run().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(MailDeliveryError);
      expect(error).toMatchObject({ code: 'MAIL_ABORTED', cause: { message: 'enough' } });
      expect(requests).toHaveLength(expected);
    }
  });
});
