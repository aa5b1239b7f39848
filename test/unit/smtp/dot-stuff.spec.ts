import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { dotStuff, endOfData } from '../../../lib/transports/smtp/protocol/dot-stuff.js';

describe('dot-stuffing', () => {
  it('doubles the dot at the start of each line and nowhere else', () => {
    const of = (text: string) => dotStuff(Buffer.from(text)).toString();
    expect(of('.\r\n..\r\na.b.\r\n\r\n.c\r\n')).toBe('..\r\n...\r\na.b.\r\n\r\n..c\r\n');
  });

  it('answers the same buffer where nothing is to be doubled', () => {
    const content = Buffer.from('Subject: a.b\r\n\r\nno. dots.\r\n');
    expect(dotStuff(content)).toBe(content);
  });

  it('is undone by a server, and only its end ends it', () => {
    const part = fc.constantFrom('.', '\r\n', 'a', '..', '\r\n.\r\n', '\r\n.');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const content = Buffer.from(`H: x\r\n\r\n${parts.join('')}`);
        const wire = dotStuff(content).toString() + endOfData(content);
        const end = `\r\n${wire}`.indexOf('\r\n.\r\n');
        expect(end).toBe(wire.length - 3);
        const lines = wire.slice(0, -3).split('\r\n');
        const read = lines.map((one) => (one.startsWith('.') ? one.slice(1) : one)).join('\r\n');
        const ended = content.toString().endsWith('\r\n') ? '' : '\r\n';
        expect(read).toBe(content.toString() + ended);
      }),
    );
  });
});
