import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { composeMime } from '../../../lib/message/mime/compose.js';
import type { SmtpDkimOptions } from '../../../lib/transports/smtp/dkim/dkim.options.js';
import { dkimSigner } from '../../../lib/transports/smtp/dkim/signature.js';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { dkimKeys } from '../../fixtures/dkim.js';
import { testMail } from '../../fixtures/mail.js';

const RSA = dkimKeys('rsa');
const ED25519 = dkimKeys('ed25519');
const options = { domainName: 'example.com', keySelector: 'mail', privateKey: RSA.privateKey };
const der = createPublicKey(RSA.publicKey).export({ type: 'spki', format: 'der' });
const rsaRecord = `v=DKIM1; k=rsa; p=${der.toString('base64')}`;
// The key itself, without what a PEM says around it (RFC 8463 §4.2).
const { x } = createPublicKey(ED25519.publicKey).export({ format: 'jwk' });
const ed25519Record = `v=DKIM1; k=ed25519; p=${Buffer.from(x!, 'base64url').toString('base64')}`;

function signed(own: Partial<SmtpDkimOptions> = {}): { field: string; mail: Buffer } {
  const list = { unsubscribe: 'https://example.com/u', unsubscribePost: true };
  const { bytes } = composeMime(testMail({ from: 'Jörg <jo@example.com>', text: 'Käse\n', list }));
  const field = dkimSigner({ ...options, ...own })(bytes);
  return { field, mail: Buffer.concat([Buffer.from(`${field}\r\n`), bytes]) };
}

const fieldsOf = (field: string): string[] => / h=([^;]*);/.exec(field)![1]!.split(/\s*:\s*/);

async function byMailauth(mail: Buffer, record: string): Promise<string | undefined> {
  const resolver = () => Promise.resolve([[record]]);
  const { results } = (await dkimVerify(mail, { resolver })) as {
    results: { status: { result: string } }[];
  };
  return results[0]?.status.result;
}

function byPython(mail: Buffer, record: string): boolean {
  const program =
    'import sys, dkim; r = sys.argv[1].encode(); ' +
    'print(dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda n, timeout=5: r))';
  return execFileSync('/usr/bin/python3', ['-c', program, record], { input: mail })
    .toString()
    .startsWith('True');
}

async function verdicts(mail: Buffer, record = rsaRecord): Promise<readonly [boolean, boolean]> {
  return [(await byMailauth(mail, record)) === 'pass', byPython(mail, record)];
}

describe('a DKIM signature, to two verifiers', () => {
  it.each<[string, Partial<SmtpDkimOptions>]>([
    ['by default', {}],
    ['oversigned', { oversign: true }],
    ['with repeats', { headerFieldNames: 'from:from:subject:x-none:x-none' }],
    ['without some fields', { skipFields: 'to:date' }],
    ['with a long list', { headerFieldNames: `from${':x-name'.repeat(120)}`, oversign: true }],
  ])('is good %s', async (_, own) => {
    expect(await verdicts(signed(own).mail)).toEqual([true, true]);
  });

  it.each<[string, Partial<SmtpDkimOptions>]>([
    ['by default', {}],
    ['oversigned', { oversign: true }],
  ])('is good with Ed25519 (RFC 8463) %s, and of no other mail', async (_, own) => {
    const { mail } = signed({ ...own, privateKey: ED25519.privateKey });
    expect(mail.includes('a=ed25519-sha256')).toBe(true);
    expect(await verdicts(mail, ed25519Record)).toEqual([true, true]);
    const changed = Buffer.concat([mail, Buffer.from('more\r\n')]);
    expect(await verdicts(changed, ed25519Record)).toEqual([false, false]);
  });

  it('covers both fields of one-click unsubscription (RFC 8058 §4)', () => {
    expect(fieldsOf(signed().field)).toEqual(
      expect.arrayContaining(['list-unsubscribe', 'list-unsubscribe-post']),
    );
  });

  it.each<[string, Partial<SmtpDkimOptions>, boolean]>([
    ['by default', {}, true],
    ['oversigned', { oversign: true }, false],
    ['with from:from', { headerFieldNames: 'from:from' }, false],
  ])('%s, bears a second From above the first: %s', async (_, own, good) => {
    const forged = Buffer.concat([Buffer.from('From: ceo@example.com\r\n'), signed(own).mail]);
    // dkimpy refuses a second From whatever the signature says.
    expect(await verdicts(forged)).toEqual([good, false]);
  });

  it('oversigned, bears no Cc where there was none', async () => {
    const { mail } = signed({ oversign: true });
    const forged = Buffer.concat([Buffer.from('Cc: ceo@example.com\r\n'), mail]);
    expect(await verdicts(forged)).toEqual([false, false]);
  });
});

describe('DKIM options that can never verify', () => {
  it.each<[Partial<SmtpDkimOptions>, string]>([
    [{ headerFieldNames: 'to:subject' }, 'dkim.headerFieldNames'],
    [{ skipFields: 'Subject : FROM' }, 'dkim.skipFields'],
    [{ headerFieldNames: `from:${'x'.repeat(900)}` }, 'dkim.headerFieldNames'],
  ])('fail at boot: %#', (own, path) => {
    const make = () => new SmtpTransport({ host: 'mail.test', dkim: { ...options, ...own } });
    expect(make).toThrow(path);
  });
});
