// Numbers, money and times for people.
import { describe, expect, it } from 'vitest';
import { ago, bytes, change, count, day, duration, money, moneyExact, moneyTicks, moment, perMille, plural, price, several, share, span } from './format';

const all = <T>(fn: (value: T) => string, pairs: [T, string][]): void => {
  for (const [value, told] of pairs) expect(fn(value), String(value)).toBe(told);
};

describe('numbers', () => {
  it('keep three digits that count', () => all(count, [[0, '0'], [7, '7'], [12_345, '12,345'], [99_999, '99,999'], [100_000, '100k'], [123_456, '123k'], [999_499, '999k'], [999_600, '1M'], [1_234_567, '1.23M'], [45_600_000_000, '45.6B'], [-250_000, '-250k']]));
  it('say how many of what', () => all((value: number) => plural(value, 'token'), [[0, '0 tokens'], [1, '1 token'], [2_000, '2,000 tokens']]));
  it('know the plurals of what tables list', () => expect(['token', 'entry', 'day', 'address', 'alias'].map(several)).toEqual(['tokens', 'entries', 'days', 'addresses', 'aliases']));
  it('never round something to nothing or less than all to all', () => {
    expect(share(1, 1_000_000)).toBe('<0.1%');
    expect(share(999_999, 1_000_000)).toBe('>99.9%');
    expect(share(0, 10)).toBe('0%');
    expect(share(10, 10)).toBe('100%');
    expect(share(1, 0)).toBe('–');
    expect(share(1, 20)).toBe('5.0%');
    expect(share(997, 1000)).toBe('99.7%');
    expect(share(9_994, 10_000)).toBe('>99.9%');
    expect(share(987, 1000)).toBe('99%');
  });
  it('tell thousandths as per cent', () => all(perMille, [[0, '0%'], [489, '48.9%'], [1000, '100%'], [0.4, '<0.1%'], [996, '99.6%'], [999.7, '>99.9%'], [420.4, '42.0%']]));
  it('tell how something moved', () => {
    expect(change(112, 100)).toBe('+12%');
    expect(change(966, 1000)).toBe('−3.4%');
    expect(change(5, 0)).toBe('new');
    expect(change(0, 0)).toBe('0%');
    expect(change(1200, 100)).toBe('×12');
  });
  it('measure bytes', () => all(bytes, [[10, '10 B'], [1_500, '1.5 kB'], [2_500_000, '2.5 MB'], [12_000_000_000, '12 GB']]));
});

describe('money', () => {
  it('keeps the digits that count', () => all(money, [[0, '$0'], [1, '$<0.000001'.replace('$<', '<$')], [4_200_000, '$0.0042'], [390_000, '$0.00039'], [42_000_000, '$0.042'], [123_000_000, '$0.12'], [1_040_000_000, '$1.04'], [999_990_000, '$1.00'], [1_234_560_000_000, '$1,234.56'], [12_345_670_000_000, '$12,346'], [1_234_567_000_000_000, '$1.23M'], [-500_000_000, '−$0.50']]));
  it('has as many digits on an axis as its steps need', () => {
    expect(moneyTicks([0, 50_000_000, 100_000_000])).toEqual(['$0', '$0.05', '$0.10']);
    expect(moneyTicks([0, 2_000_000_000, 4_000_000_000])).toEqual(['$0', '$2', '$4']);
    expect(moneyTicks([0, 500_000, 1_000_000])).toEqual(['$0', '$0.0005', '$0.0010']);
    expect(moneyTicks([0, 25_000_000])).toEqual(['$0', '$0.025']);
    expect(moneyTicks([0, 20_000_000_000_000])).toEqual(['$0', '$20,000']);
  });
  it('is exact when asked', () => all(moneyExact, [[0, '$0.00'], [1, '$0.000000001'], [1_234_560_000_000, '$1,234.56'], [-12_345_678_901, '−$12.345678901']]));
  it('is per million in price lists', () => all(price, [[0, 'free'], [2, '$2.00'], [0.075, '$0.075'], [0.0375, '$0.0375']]));
});

describe('times', () => {
  it('are as long as they are', () => all(duration, [[840, '840 µs'], [1_234, '1.2 ms'], [12_400, '12 ms'], [999_400, '999 ms'], [999_600, '1.00 s'], [1_420_000, '1.42 s'], [12_340_000, '12.3 s'], [200_000_000, '3m 20s']]));
  it('have two units at most', () => all(span, [[0, '0s'], [61_000, '1m 1s'], [7_500_000, '2h 5m'], [3_600_000, '1h'], [90_061_000, '1d 1h'], [86_400_000 + 5_000, '1d']]));
  it('are told from now', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(ago(now - 1_000, now)).toBe('just now');
    expect(ago(now - 40_000, now)).toBe('40 s ago');
    expect(ago(now - 240_000, now)).toBe('4 min ago');
    expect(ago(now + 3 * 3_600_000, now)).toBe('in 3 h');
    expect(ago(now - 86_400_000, now)).toBe('1 day ago');
    expect(ago(now - 100 * 86_400_000, now)).toBe(day(now - 100 * 86_400_000));
  });
  it('name the clocks they go by', () => expect(moment(Date.parse('2026-11-22T12:00:00Z'))).toMatch(/^2026-11-2\d \d\d:00:00 [+−]\d\d:\d\d$/));
});
