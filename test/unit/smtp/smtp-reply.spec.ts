import { describe, expect, it } from '@jest/globals';
import { parseReply, remoteIdOf } from '../../../lib/transports/smtp/protocol/smtp-reply.js';

const same = (text: string) => text;

describe('parseReply', () => {
  it.each([
    ['550 5.1.1 no such user', 550, '5.1.1', '550 5.1.1 no such user'],
    ['550 no such user', 550, undefined, '550 no such user'],
    ['250', 250, undefined, '250'],
    ['550-5.1.1 no such\n550 5.1.1 user here', 550, '5.1.1', '550-5.1.1 no such user here'],
    ['450 4.2.1 a\u0007bell', 450, '4.2.1', '450 4.2.1 a bell'],
    ['nonsense', 0, undefined, 'nonsense'],
  ])('%j', (raw, code, enhancedCode, text) => {
    expect(parseReply(raw, same)).toEqual({ code, enhancedCode, text });
  });

  it('keeps a reply short', () => {
    expect(parseReply(`550 ${'x'.repeat(5000)}`, same).text).toHaveLength(1000);
  });
});

describe('remoteIdOf', () => {
  it.each([
    ['250 2.0.0 Ok: queued as 4F3zXq2Kp1z', '4F3zXq2Kp1z'],
    ['250 Ok: queued as XKw-9_1aQ.b', 'XKw-9_1aQ.b'],
    ['250 OK id=1abCDe-0001Ab-2C', '1abCDe-0001Ab-2C'],
    ['250 2.0.0 thanks', undefined],
  ])('%s', (text, id) => {
    expect(remoteIdOf(text)).toBe(id);
  });
});
