import { describe, expect, it } from '@jest/globals';
import { MailConfigurationError } from '../../lib/base/errors.js';
import { OptionReader } from '../../lib/base/option-reader.js';

function faultOf(read: () => unknown): MailConfigurationError {
  try {
    read();
  } catch (error) {
    if (error instanceof MailConfigurationError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('OptionReader', () => {
  const known = ['host', 'port', 'secure', 'strategy', 'pool'];
  const reader = (value: unknown) => new OptionReader('transport', value, known);

  it('answers values and fallbacks', () => {
    const read = reader({ host: 'h', port: 25, secure: true, strategy: 'b', pool: { size: 3 } });
    expect(read.string('host')).toBe('h');
    expect(read.integer('port', 587, { min: 1, max: 65_535 })).toBe(25);
    expect(read.boolean('secure', false)).toBe(true);
    expect(read.oneOf('strategy', ['a', 'b'])).toBe('b');
    expect(read.nested('pool', ['size']).integer('size', 1, { min: 1 })).toBe(3);
    expect(reader({}).integer('port', 587, { min: 1 })).toBe(587);
    expect(reader(undefined).string('host', 'localhost')).toBe('localhost');
  });

  it.each<[string, () => unknown, string, string]>([
    [
      'not an object',
      () => reader('x'),
      'transport',
      'Expected `transport` to be an object, got a string.',
    ],
    [
      'a near miss',
      () => reader({ prot: 1 }),
      'transport.prot',
      'Unknown option `transport.prot`. Did you mean `port`?',
    ],
    [
      'a missing string',
      () => reader({}).string('host'),
      'transport.host',
      'Expected `transport.host` to be a non-empty string, got nothing.',
    ],
    [
      'a number as text',
      () => reader({ port: '25' }).integer('port', 1, { min: 1, max: 9 }),
      'transport.port',
      'Expected `transport.port` to be an integer from 1 to 9, got a string.',
    ],
    [
      'out of range',
      () => reader({ port: 0 }).integer('port', 1, { min: 1 }),
      'transport.port',
      'Expected `transport.port` to be an integer of at least 1, got 0.',
    ],
    [
      'a foreign choice',
      () => reader({ strategy: 'c' }).oneOf('strategy', ['a', 'b']),
      'transport.strategy',
      "Expected `transport.strategy` to be one of 'a', 'b', got a string.",
    ],
    [
      'a line break',
      () => reader({ host: 'a\r\nb' }).string('host'),
      'transport.host',
      'Expected `transport.host` to be a string without control characters, got one with control characters.',
    ],
    [
      'a nested unknown',
      () => reader({ pool: { x: 1 } }).nested('pool', ['size']),
      'transport.pool.x',
      'Unknown option `transport.pool.x`. Known: size',
    ],
  ])('refuses %s by its path, expected and got', (_, read, option, message) => {
    expect(faultOf(read)).toMatchObject({ option, message, code: 'MAIL_CONFIG' });
  });

  it('reads own keys only', () => {
    const inherited = Object.create({ host: 'evil' }) as object;
    expect(faultOf(() => reader(inherited).string('host')).option).toBe('transport.host');
    expect(faultOf(() => reader(JSON.parse('{"__proto__": {"host": "evil"}}'))).option).toBe(
      'transport.__proto__',
    );
  });

  it('never shows the value of a string', () => {
    const fault = faultOf(() => reader({ port: 'hunter2' }).integer('port', 1, { min: 1 }));
    expect(fault.message).not.toContain('hunter2');
  });
});
