import { describe, expect, it } from '@jest/globals';
import { Latency } from '../../../lib/transports/route/latency.js';
import { createStrategy, type Choice } from '../../../lib/transports/route/strategy.js';
import { ManualClock } from '../../fixtures/manual-clock.js';

interface Named extends Choice {
  readonly name: string;
}

function setup(weights: Readonly<Record<string, number>> = { a: 1, b: 1 }) {
  const clock = new ManualClock();
  const [a, b, ...more] = Object.entries(weights).map(([name, weight]): Named => ({
    name,
    weight,
    latency: new Latency(clock),
  }));
  const carry = ({ latency }: Named, ms: number) => {
    const end = latency.begin();
    clock.advance(ms);
    end(true);
  };
  return { clock, a: a!, b: b!, all: [a!, b!, ...more] as const, carry };
}

describe('Latency', () => {
  it('follows its samples', () => {
    const { a, carry } = setup();
    expect(a.latency.averageMs).toBeUndefined();
    carry(a, 100);
    expect(a.latency.averageMs).toBe(100);
    carry(a, 200);
    expect(a.latency.averageMs).toBeCloseTo(130);
    for (let i = 0; i < 20; i += 1) carry(a, 10);
    expect(a.latency.averageMs).toBeLessThan(11);
  });

  it('grows with the mail under way that has waited longest', () => {
    const { a, clock, carry } = setup();
    carry(a, 10);
    const end = a.latency.begin();
    clock.advance(500);
    a.latency.begin();
    expect(a.latency.estimateMs).toBe(500);
    end(false);
    expect(a.latency.estimateMs).toBe(10);
    expect(a.latency.averageMs).toBe(10);
  });
});

describe('failover', () => {
  it('takes the first', () => {
    const { a, b } = setup();
    const strategy = createStrategy('failover');
    expect(strategy.pick([a, b])).toBe(a);
    expect(strategy.pick([b])).toBe(b);
  });
});

describe('round-robin', () => {
  it('takes each by its weight, spread out', () => {
    const { all } = setup({ a: 3, b: 1, c: 2 });
    const strategy = createStrategy('round-robin');
    const taken = Array.from({ length: 12 }, () => strategy.pick(all).name).join('');
    expect(taken).toBe('acabcaacabca');
  });
});

describe('fastest', () => {
  const strategyOf = () => createStrategy('fastest');

  it('measures each transport once, then takes the fastest', () => {
    const { a, b, all, carry } = setup();
    const strategy = strategyOf();
    expect(strategy.pick(all)).toBe(a);
    carry(a, 50);
    expect(strategy.pick(all)).toBe(b);
    carry(b, 5);
    expect(strategy.pick(all)).toBe(b);
  });

  it('does not take a transport that refuses every mail for a fast one, nor for one to be measured', () => {
    const { a, b, all, carry, clock } = setup();
    const strategy = strategyOf();
    const asked = { a: 0, b: 0 };
    for (let i = 0; i < 210; i += 1) {
      const member = strategy.pick(all);
      asked[member === a ? 'a' : 'b'] += 1;
      if (member === b) carry(b, 50);
      else {
        const end = a.latency.begin();
        clock.advance(1);
        end(false);
      }
    }
    // The first mail, and then one in twenty.
    expect(asked).toEqual({ a: 11, b: 199 });
  });

  it('asks all in turn while none carries a mail', () => {
    const { all, clock } = setup({ a: 1, b: 1, c: 1 });
    const strategy = strategyOf();
    const asked = Array.from({ length: 6 }, () => {
      const member = strategy.pick(all);
      const end = member.latency.begin();
      clock.advance(1);
      end(false);
      return member.name;
    });
    expect(asked.join('')).toBe('abcabc');
  });

  it('turns away from a transport that stalls before it answers', () => {
    const { a, b, all, carry, clock } = setup();
    const strategy = strategyOf();
    carry(a, 5);
    carry(b, 20);
    a.latency.begin();
    expect(strategy.pick(all)).toBe(a);
    clock.advance(21);
    expect(strategy.pick(all)).toBe(b);
  });

  it('explores at most one mail in twenty, and a slow transport no more than 5% of the time', () => {
    const { a, b, all, carry } = setup();
    const strategy = strategyOf();
    carry(a, 10);
    carry(b, 100);
    const spent = { a: 0, b: 0 };
    const count = { a: 0, b: 0 };
    for (let i = 0; i < 2000; i += 1) {
      const name = strategy.pick(all) === a ? 'a' : 'b';
      const ms = name === 'a' ? 10 : 100;
      carry(name === 'a' ? a : b, ms);
      spent[name] += ms;
      count[name] += 1;
    }
    expect(count.b).toBeGreaterThan(5);
    expect(count.b).toBeLessThanOrEqual(100);
    expect(spent.b / (spent.a + spent.b)).toBeLessThanOrEqual(0.05);
  });

  it('explores rarely where mail is rare', () => {
    const { a, b, all, carry, clock } = setup();
    const strategy = strategyOf();
    carry(a, 10);
    carry(b, 100);
    let explored = 0;
    for (let i = 0; i < 200; i += 1) {
      clock.advance(60_000);
      if (strategy.pick(all) === b) {
        explored += 1;
        carry(b, 100);
      } else carry(a, 10);
    }
    expect(explored).toBe(10);
  });

  it('finds that the transports have changed places', () => {
    const { a, b, all, carry } = setup();
    const strategy = strategyOf();
    carry(a, 5);
    carry(b, 100);
    for (let i = 0; i < 30; i += 1) {
      if (strategy.pick(all) === a) carry(a, 100);
      else carry(b, 5);
    }
    expect(strategy.pick(all)).toBe(b);
  });
});
