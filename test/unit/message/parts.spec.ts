import { describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { parseMediaType } from '../../../lib/message/media-type.js';
import { issuesOf, make, pathsOf } from './support.js';

describe('headers', () => {
  it('keep their order, in either form', () => {
    const list = [
      { key: 'X-B', value: '1' },
      { key: 'X-A', value: '2' },
      { key: 'X-B', value: '3' },
    ];
    expect(make({ headers: list }).headers.map(({ name, value }) => name + value)).toEqual([
      'X-B1',
      'X-A2',
      'X-B3',
    ]);
    expect(make({ headers: { 'X-B': ['1', '3'], 'X-A': ' ä ' } }).headers).toEqual([
      { name: 'X-B', value: '1' },
      { name: 'X-B', value: '3' },
      { name: 'X-A', value: 'ä' },
    ]);
  });

  it.each([
    ...['From', 'TO', 'cc', 'Bcc', 'Sender', 'Reply-To', 'Subject', 'Date', 'Message-ID'],
    ...['In-Reply-To', 'References', 'MIME-Version', 'Content-Type', 'content-transfer-encoding'],
    ...['Content-X', 'Received', 'Return-Path', 'DKIM-Signature'],
  ])('%s belongs to the composer', (name) => {
    const issues = issuesOf(() => make({ headers: { [name]: 'x' } }));
    expect(issues).toHaveLength(1);
    expect(issues[0]!.path).toBe(`headers.${name}`);
    expect(issues[0]!.fix).toMatch(/^(Use|Remove|Set) /);
    expect(pathsOf(() => make({ headers: [{ key: name, value: 'x' }] }))).toEqual(['headers[0]']);
  });

  it.each(['X-Priority', 'Importance', 'x-msmail-priority'])('%s waits for priority', (name) => {
    expect(() => make({ headers: { [name]: '1' } })).not.toThrow();
    expect(pathsOf(() => make({ headers: { [name]: '1' }, priority: 'high' }))).toEqual([
      `headers.${name}`,
    ]);
  });

  it('List-* may come from headers or from list, not from both', () => {
    const headers = { 'List-Unsubscribe': '<https://x.y>' };
    expect(make({ headers }).headers).toHaveLength(1);
    expect(make({ headers, list: { help: 'a@x.y' } }).headers).toHaveLength(2);
    expect(pathsOf(() => make({ headers, list: { unsubscribe: 'a@x.y' } }))).toEqual([
      'headers.List-Unsubscribe',
    ]);
  });

  it.each(['', 'X A', 'X:A', 'Xä', 'X\r\nBcc', 'x'.repeat(77), '__proto__'])(
    'refuses the name %j',
    (key) => {
      expect(pathsOf(() => make({ headers: [{ key, value: 'x' }] }))).toEqual(['headers[0]']);
      const object = JSON.parse(`{${JSON.stringify(key)}:"x"}`) as object;
      expect(pathsOf(() => make({ headers: object }))).toHaveLength(1);
    },
  );

  it.each([
    [{ 'X-A': 7 }, 'headers.X-A'],
    [{ 'X-A': { prepared: true, value: 'x' } }, 'headers.X-A'],
    [{ 'X-A': ['a', null] }, 'headers.X-A[1]'],
    [{ 'X-A': 'a\r\nBcc: x@y.z' }, 'headers.X-A'],
    [{ 'X-A': 'a\rb' }, 'headers.X-A'],
    [{ 'X-A': 'a\u0000b' }, 'headers.X-A'],
    [{ 'X-A': 'a\u0085b' }, 'headers.X-A'],
    [{ 'X-A': '\udc00' }, 'headers.X-A'],
    ['X-A: b', 'headers'],
    [['X-A: b'], 'headers[0]'],
    [[{ key: 'X-A' }], 'headers[0]'],
    [[{ key: 'X-A', value: 'b', prepared: true }], 'headers[0].prepared'],
  ])('%j: %s', (headers, path) => {
    expect(pathsOf(() => make({ headers }))).toEqual([path]);
  });
});

describe('list', () => {
  it('writes each header once, with several URLs joined', () => {
    const list = {
      help: 'help@Shop.example',
      unsubscribe: ['https://shop.example/u?a=1&b=2', { url: 'mailto:u@shop.example' }],
      subscribe: { url: 'https://shop.example/s', comment: 'a (b) \\c' },
      post: 'NO',
      owner: 'mailto:o@shop.example?subject=hi',
      archive: 'ftp://shop.example/a',
      id: { url: 'news.shop.example', comment: 'The "News"' },
      unsubscribePost: true,
    };
    expect(make({ list }).headers.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'List-Help: <mailto:help@shop.example>',
      'List-Unsubscribe: <https://shop.example/u?a=1&b=2>, <mailto:u@shop.example>',
      'List-Subscribe: <https://shop.example/s> (a \\(b\\) \\\\c)',
      'List-Post: NO',
      'List-Owner: <mailto:o@shop.example?subject=hi>',
      'List-Archive: <ftp://shop.example/a>',
      'List-Id: "The \\"News\\"" <news.shop.example>',
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    ]);
    expect(make({ list: { id: '<a.b>' } }).headers[0]!.value).toBe('<a.b>');
  });

  it.each([
    ['https://x.y', 'list'],
    [{ unsubscribe: 'x.y' }, 'list.unsubscribe'],
    [{ unsubscribe: 'javascript:alert(1)' }, 'list.unsubscribe'],
    [{ unsubscribe: 'https://x.y/ä' }, 'list.unsubscribe'],
    [{ unsubscribe: 'https://x.y/> <https://evil' }, 'list.unsubscribe'],
    [{ unsubscribe: ['https://x.y', 'a b'] }, 'list.unsubscribe[1]'],
    [{ unsubscribe: [] }, 'list.unsubscribe'],
    [{ unsubscribe: `https://x.y/${'a'.repeat(1_000)}` }, 'list.unsubscribe'],
    [{ unsubscribe: null }, 'list.unsubscribe'],
    [{ help: { comment: 'x' } }, 'list.help.url'],
    [{ help: { url: 'a@x.y', comment: 'ä' } }, 'list.help.comment'],
    [{ help: { url: 'a@x.y', comment: 'x)\r\nBcc: e@x.y\r\nX: (' } }, 'list.help.comment'],
    [{ help: { url: 'https://x.y\r\nBcc: e@x.y' } }, 'list.help.url'],
    [{ help: { url: 'a@x.y', text: 'x' } }, 'list.help.text'],
    [{ id: 'a b' }, 'list.id'],
    [{ id: { url: 'a.b', comment: 'x\ny' } }, 'list.id.comment'],
    [{ unsub: 'a@x.y' }, 'list.unsub'],
    [{ unsubscribePost: 'yes' }, 'list.unsubscribePost'],
    [{ unsubscribePost: true }, 'list.unsubscribePost'],
    [{ unsubscribePost: true, unsubscribe: 'http://x.y' }, 'list.unsubscribePost'],
  ])('%j: %s', (list, path) => {
    expect(pathsOf(() => make({ list }))).toContain(path);
  });
});

describe('attachments', () => {
  const one = (attachment: object) => make({ attachments: [attachment] }).attachments[0]!;

  it.each([
    [{ content: 'ü' }, 'ü'],
    [{ content: 'w7w=', encoding: 'base64' }, 'ü'],
    [{ content: 'w7w', encoding: 'base64' }, 'ü'],
    [{ content: 'w7\r\nw=', encoding: 'base64' }, 'ü'],
    [{ content: 'c3bc', encoding: 'hex' }, 'ü'],
    [{ content: Buffer.from('ü') }, 'ü'],
    [{ content: new Uint8Array([0xc3, 0xbc]) }, 'ü'],
    [{ content: '' }, ''],
  ])('reads %j', (attachment, text) => {
    expect(one(attachment).content.toString()).toBe(text);
  });

  it.each([
    [{ filename: 'a.PNG' }, 'image/png', 'attachment'],
    [{ filename: 'a.csv' }, 'text/csv', 'attachment'],
    [{ filename: 'pdf' }, 'application/octet-stream', 'attachment'],
    [{ filename: 'a.unheardof' }, 'application/octet-stream', 'attachment'],
    [{}, 'application/octet-stream', 'attachment'],
    [{ filename: 'a.png', contentType: 'Text/Plain' }, 'text/plain', 'attachment'],
    [{ cid: 'logo@x' }, 'application/octet-stream', 'inline'],
    [
      { cid: '<logo@x>', contentDisposition: 'attachment' },
      'application/octet-stream',
      'attachment',
    ],
  ])('%j is %s, %s', (fields, contentType, disposition) => {
    expect(one({ content: '', ...fields })).toMatchObject({ contentType, disposition });
  });

  it('takes the brackets off a cid', () => {
    expect(one({ content: '', cid: '<a@b>' }).cid).toBe('a@b');
  });

  it.each([
    [{ path: '/etc/passwd' }, 'attachments[0].path', 'content.paths'],
    [{ href: 'http://127.0.0.1/' }, 'attachments[0].href', 'content.origins'],
    [{ content: 'x', path: '/etc/passwd' }, 'attachments[0].path', 'content.paths'],
    [{ raw: 'x', content: '' }, 'attachments[0].raw', '`content`'],
    [{ headers: {}, content: '' }, 'attachments[0].headers', 'follow'],
    [{ content: Readable.from(['x']) }, 'attachments[0].content', 'stream'],
    [
      { content: { type: 'Buffer', data: [1] } },
      'attachments[0].content',
      'Buffer.from(content.data)',
    ],
    [{ content: { path: '/etc/passwd' } }, 'attachments[0].content', 'Give a string'],
    [{ content: new ArrayBuffer(1) }, 'attachments[0].content', 'new Uint8Array'],
    [{ content: new Uint16Array(1) }, 'attachments[0].content', 'Give a string'],
    [{ content: 7 }, 'attachments[0].content', 'Give a string'],
    [{ content: '\ud83d' }, 'attachments[0].content', 'toWellFormed'],
    [{}, 'attachments[0].content', 'Give a string'],
    [{ content: 'a*b=', encoding: 'base64' }, 'attachments[0].content', 'Encode'],
    [{ content: 'abcde', encoding: 'base64' }, 'attachments[0].content', 'Encode'],
    [{ content: 'abc', encoding: 'hex' }, 'attachments[0].content', 'Encode'],
    [{ content: '', encoding: 'binary' }, 'attachments[0].encoding', 'one of these'],
    [{ content: '', filename: 'a\r\nb' }, 'attachments[0].filename', 'Remove'],
    [{ content: '', filename: '' }, 'attachments[0].filename', 'leave it out'],
    [{ content: '', filename: 'x'.repeat(256) }, 'attachments[0].filename', '255'],
    [{ content: '', contentType: 'pdf' }, 'attachments[0].contentType', 'application/pdf'],
    [{ content: '', contentType: 'a/b\r\nX: y' }, 'attachments[0].contentType', 'Remove'],
    [
      { content: '', contentType: 'multipart/mixed' },
      'attachments[0].contentType',
      'media|application',
    ],
    [{ content: '', cid: 'a b' }, 'attachments[0].cid', 'ASCII'],
    [{ content: '', cid: 'a\r\nb' }, 'attachments[0].cid', 'Remove'],
    [
      { content: '', contentDisposition: 'form-data' },
      'attachments[0].contentDisposition',
      'one of',
    ],
    ['a.pdf', 'attachments[0]', 'filename'],
    [null, 'attachments[0]', 'filename'],
  ])('%p: %s', (attachment, path, fix) => {
    const issues = issuesOf(() => make({ attachments: [attachment] }));
    expect(issues.map((issue) => issue.path)).toEqual([path]);
    expect(issues[0]!.fix).toMatch(new RegExp(fix.replace(/[.()]/g, '\\$&')));
  });

  it('refuses a cid that two share', () => {
    const attachments = [
      { content: '', cid: 'a' },
      { content: '', cid: '<a>' },
    ];
    expect(pathsOf(() => make({ attachments }))).toEqual(['attachments[1].cid']);
  });

  it('refuses what is no array', () => {
    expect(pathsOf(() => make({ attachments: { content: '' } }))).toEqual(['attachments']);
  });
});

describe('media types', () => {
  it.each([
    ['text/plain', 'text/plain'],
    [' Text/HTML ; Charset=UTF-8 ', 'text/html; charset=UTF-8'],
    ['a/b;x="a ; b=c"', 'a/b; x="a ; b=c"'],
    ['application/vnd.a+b; v=1; w=2', 'application/vnd.a+b; v=1; w=2'],
  ])('%j', (value, expected) => {
    expect(parseMediaType(value)).toBe(expected);
    expect(parseMediaType(expected)).toBe(expected);
  });

  it.each([
    '',
    'a',
    'a/',
    '/b',
    'a/b/c',
    'a/b;',
    'a/b; x',
    'a/b; x="',
    'a/b; x="a"b',
    'ä/b',
    'a b/c',
  ])('refuses %j', (value) => {
    expect(parseMediaType(value)).toBeUndefined();
  });
});
