// Charts, spans, filters, budgets and the form of a token.
import { describe, expect, it } from 'vitest';
import type { TokenView } from '../api/types';
import { limitOf, spanOf, standing, typedAmount, windowKey, windowOf } from './budget';
import { REST, columns, stacked } from './chart-data';
import { filterFor, filtersOf } from './dimensions';
import { parse, step, text } from './range';
import { changes, creation, draftOf, empty, faults } from './token-draft';

describe('charts', () => {
  const whole = [{ at_ms: 1, value: 10 }, { at_ms: 2, value: 0 }, { at_ms: 3, value: 7 }];
  const points = [{ key: 'a', at_ms: 1, value: 6 }, { key: 'b', at_ms: 1, value: 3 }, { key: 'b', at_ms: 3, value: 4 }];
  it('have a column for each group and one of what is left', () => {
    expect(columns(points, whole)).toEqual([{ key: 'b', values: [3, 0, 4] }, { key: 'a', values: [6, 0, 0] }, { key: REST, values: [1, 0, 3] }]);
  });
  it('show the greatest, and the others as one', () => expect(columns(points, whole, 1)).toEqual([{ key: 'b', values: [3, 0, 4] }, { key: REST, values: [7, 0, 3] }]));
  it('have no rest where there is none', () => expect(columns([{ key: 'a', at_ms: 1, value: 10 }, { key: 'a', at_ms: 3, value: 7 }], whole).map((one) => one.key)).toEqual(['a']));
  it('stack', () => expect(stacked([[1, 2], [3, 4]])).toEqual([[1, 2], [4, 6]]));
});

describe('spans', () => {
  it('are words or moments', () => {
    expect(parse('7d')).toEqual({ period: '7d' });
    expect(parse('1763000000000-1763003600000')).toEqual({ since_ms: 1763000000000, until_ms: 1763003600000 });
    expect(parse('1763000000000-')).toEqual({ since_ms: 1763000000000 });
    expect(text(parse('all'))).toBe('all');
    expect(text(parse('1763000000000-'))).toBe('1763000000000-');
    for (const wrong of [undefined, '', 'x', '-1763000000000', '9-1', '1763003600000-1763000000000', '<script>']) expect(parse(wrong)).toEqual({ period: '24h' });
    expect(text(parse('1763000000000-1763003600000'))).toBe('1763000000000-1763003600000');
  });
  it('have stretches that make some dozens of bars', () => {
    expect(['1h', '24h', '7d', '30d', 'last-month'].map((word) => step(parse(word)))).toEqual(['five_minutes', 'hour', 'day', 'day', 'day']);
  });
});

describe('filters', () => {
  it('are read from the address, nothing else is', () => expect(filtersOf(new URLSearchParams('model=a&model=b&not_token=t&label=team%3Dx&range=7d&evil=1'))).toEqual({ model: ['a', 'b'], not_token: ['t'], label: ['team=x'] }));
  it('leave just one row of a report', () => {
    expect(filterFor('label:team', 'x')).toEqual(['label', 'team=x']);
    expect(filterFor('subtree', 'tok_1')).toEqual(['token', 'tok_1']);
    expect(filterFor('token', 'tok_1')).toEqual(['own_token', 'tok_1']);
    expect(filterFor('stream', 'yes')).toEqual(['stream', 'true']);
    expect(filterFor('session', null)).toEqual(['session', '']);
  });
});

describe('budgets', () => {
  it('are typed as people type', () => {
    const typed: [string, number | undefined][] = [['20', 20], ['$12.50', 12.5], ['400k', 400_000], ['1.5M', 1_500_000], ['2,5', 2.5], ['10 000', 10_000], ['1,000', 1_000], ['$1,234,567.50', 1_234_567.5], ['12,34', 12.34], ['1.000', undefined], ['0.125', 0.125], ['1,000.5k', 1_000_500], ['', undefined], ['-3', undefined], ['many', undefined], ['1e5', undefined]];
    for (const [words, value] of typed) expect(typedAmount(words), words).toBe(value);
    expect(limitOf('usd_nanos', '0.1')).toBe(100_000_000);
    expect(limitOf('tokens', '400k')).toBe(400_000);
  });
  it('are told in words', () => {
    const budget = { unit: 'usd_nanos', limit: 20_000_000_000, used: 12_500_000_000, remaining: 7_500_000_000, window: { calendar: 'month', time_zone: 'UTC' }, resets_ms: null } as const;
    expect(standing({ ...budget })).toBe('$12.50 of $20.00 a month');
    expect(standing({ ...budget, unit: 'requests', used: 5, limit: 100, window: { seconds: 3600 } })).toBe('5 of 100 requests in any 1h');
  });
  it('are used within a span: of the calendar, of what has just passed, or of a life', () => {
    const budget = { unit: 'tokens', limit: 9, used: 1, remaining: 8 } as const;
    const at = Date.parse;
    const begun = (calendar: 'hour' | 'day' | 'week' | 'month', zone: string, end: string): string => new Date(Number(spanOf({ ...budget, window: { calendar, time_zone: zone }, resets_ms: at(end) }, 0).replace('-', ''))).toISOString();
    expect(begun('day', 'UTC', '2026-11-24T00:00:00Z')).toBe('2026-11-23T00:00:00.000Z');
    expect(begun('hour', 'Asia/Kathmandu', '2026-11-24T00:15:00Z')).toBe('2026-11-23T23:15:00.000Z');
    // The clocks were set back within this week, and forward within that month.
    expect(begun('week', 'Europe/Berlin', '2026-10-25T23:00:00Z')).toBe('2026-10-18T22:00:00.000Z');
    expect(begun('month', 'America/New_York', '2026-04-01T04:00:00Z')).toBe('2026-03-01T05:00:00.000Z');
    expect(spanOf({ ...budget, window: { seconds: 60 }, resets_ms: null }, 1_763_000_060_000)).toBe('1763000000000-');
    expect(spanOf({ ...budget, resets_ms: null } as never, 0, 1_763_000_000_000)).toBe('1763000000000-');
    expect(spanOf({ ...budget, resets_ms: null } as never, 0)).toBe('all');
  });
  it('keep their windows', () => {
    for (const key of ['life', 'day', '18000', '77']) expect(windowKey(windowOf(key, 'Europe/Berlin'))).toBe(key);
    expect(windowOf('day', 'Europe/Berlin')).toEqual({ calendar: 'day', time_zone: 'Europe/Berlin' });
  });
});

describe('the form of a token', () => {
  const token = { id: 'tok_1', name: 'ci', role: 'inferrer', parent: null, state: 'live', version: 3, capture: true, labels: { team: 'x', old: '1' }, limits: { budgets: [{ unit: 'usd_nanos', limit: 5_000_000_000, window: { calendar: 'month', time_zone: 'Asia/Tokyo' } }], requests_per_minute: 60, models: { allow: ['a'], deny: [] } } } as unknown as TokenView;
  it('changes nothing when nothing was changed', () => expect(changes(draftOf(token), token, 'UTC')).toEqual({}));
  it('changes just what was changed, and clears with null', () => {
    const draft = { ...draftOf(token), name: 'build', requestsPerMinute: '', labels: 'team=y' };
    expect(changes(draft, token, 'UTC')).toEqual({ name: 'build', labels: { old: null, team: 'y' }, limits: { requests_per_minute: null } });
  });
  it('keeps the time zone of a budget that is only raised', () => {
    const draft = draftOf(token);
    draft.budgets[0]!.limit = '9';
    expect(changes(draft, token, 'UTC')).toEqual({ limits: { budgets: [{ unit: 'usd_nanos', limit: 9_000_000_000, window: { calendar: 'month', time_zone: 'Asia/Tokyo' } }] } });
  });
  it('makes the least that says it all', () => {
    expect(creation({ ...empty(), name: ' a ', expiry: '7', deny: 'x*' }, 'UTC')).toEqual({ name: 'a', role: 'inferrer', ttl_ms: 604_800_000, limits: { models: { deny: ['x*'] } }, labels: {}, capture: true });
  });
  it('says what is wrong, by field', () => {
    const budget = { unit: 'tokens', limit: '1', window: 'day' } as const;
    expect(Object.keys(faults({ ...empty(), budgets: [budget, { ...budget }, { ...budget, unit: 'requests', limit: 'x' }], concurrent: '0', labels: 'Team x', expiry: 'at', expiresAt: '2001-01-01T00:00' })).sort()).toEqual(['budget1', 'budget2', 'concurrent', 'expiry', 'labels']);
    expect(faults(empty())).toEqual({});
  });
});
