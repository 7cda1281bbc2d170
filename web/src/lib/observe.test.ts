// What the pages for looking back make of what they are told: conversations, lines of the log, the trail, spans, quotas, alerts.
import { describe, expect, it } from 'vitest';
import type { ExchangeView, LogLine, QuotaMetric } from '../api/types';
import { sentence } from './alerts';
import { differences, tone } from './audit';
import { isAtLeast, joined } from './log';
import { left, limited } from './quota';
import { sinceMs } from './since';
import { blocks, hunks, leaves, path, pieces, pretty } from './talk';

const line = (id: number, level: LogLine['level'] = 'info'): LogLine => ({ id, level, at_ms: 0, target: 't', message: String(id) });
const ask = (request_id: string, continues: string | null = null) => ({ request_id, continues }) as ExchangeView;
const metric = (more: Partial<QuotaMetric>): QuotaMetric => ({ key: 'k', feature: 'input-tokens', unit: 'tokens', seen_ms: 0, source: 'headers', ...more });

describe('what a search found', () => {
  it('is marked, and nothing else is', () => {
    expect(pieces('a [[b]] c')).toEqual([{ text: 'a ', isFound: false }, { text: 'b', isFound: true }, { text: ' c', isFound: false }]);
    expect(pieces('[[open')).toEqual([{ text: '[[open', isFound: false }]);
    expect(pieces('')).toEqual([]);
  });
});

describe('texts', () => {
  it('have their fenced code apart', () => {
    expect(blocks('x\n```ts\na\n\nb\n```\ny')).toEqual([{ kind: 'text', text: 'x', lang: '' }, { kind: 'code', text: 'a\n\nb', lang: 'ts' }, { kind: 'text', text: 'y', lang: '' }]);
  });
  it('keep a fence that is longer than those within, or that nobody closed', () => {
    expect(blocks('````\n```\n````')).toEqual([{ kind: 'code', text: '```', lang: '' }]);
    expect(blocks('```\nrest').at(-1)).toEqual({ kind: 'code', text: 'rest', lang: '' });
  });
  it('are JSON in lines where they are JSON', () => {
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty('{a')).toBe('{a');
  });
});

describe('branches', () => {
  const list = [ask('1'), ask('2', '1'), ask('3', '2'), ask('4', '1')];
  it('end where nobody goes on', () => expect(leaves(list)).toEqual(['3', '4']));
  it('are the way from the first request to their end', () => expect(path(list, '4').map((one) => one.request_id)).toEqual(['1', '4']));
  it('end also where requests go round in a circle', () => expect(path([ask('1', '2'), ask('2', '1')], '1').length).toBe(2));
});

it('puts lines that differ into runs', () => {
  expect(hunks([{ has: 'both', line: 'a' }, { has: 'before', line: 'b' }, { has: 'before', line: 'c' }])).toEqual([{ has: 'both', lines: ['a'] }, { has: 'before', lines: ['b', 'c'] }]);
});

describe('lines of the log', () => {
  it('join on top, each once', () => expect(joined([line(2), line(1)], [line(2), line(3), line(4)]).map((one) => one.id)).toEqual([4, 3, 2, 1]));
  it('never become more than a page holds', () => expect(joined([line(0)], Array.from({ length: 3_000 }, (_, at) => line(at + 1))).length).toBe(2_000));
  it('fit by importance', () => {
    expect(isAtLeast(line(1, 'error'), 'warn')).toBe(true);
    expect(isAtLeast(line(1, 'info'), 'warn')).toBe(false);
  });
});

describe('the trail', () => {
  it('tells each field that is different, by its path', () => {
    expect(differences({ name: 'a', limits: { rate: 1, other: 2 } }, { name: 'b', limits: { rate: 3, other: 2 } })).toEqual([{ name: 'name', before: 'a', after: 'b' }, { name: 'limits.rate', before: '1', after: '3' }]);
    expect(differences(null, { x: null })).toEqual([{ name: 'x', after: 'none' }]);
  });
  it('has colours for what begins and what ends', () => expect(['token.create', 'token.revoke', 'token.edit'].map(tone)).toEqual(['good', 'bad', 'plain']));
});

describe('spans', () => {
  it('begin at whole minutes', () => expect(sinceMs('1d', 86_400_000 + 61_000)).toBe(60_000));
  it('are all of it where nobody says', () => expect(sinceMs('all', 1)).toBeUndefined());
});

describe('quotas', () => {
  it('are told in their units', () => {
    expect(left(metric({ remaining: 1_000, limit: 2_000 }))).toBe('1,000 of 2,000 tokens left');
    expect(left(metric({ unit: 'usd', remaining: 3_200_000_000 }))).toBe('$3.20 left');
    expect(left(metric({ unit: 'percent', left_permille: 125 }))).toBe('12.5% left');
    expect(left(metric({}))).toBe('not told');
    expect(limited(metric({ window: 'minute' }))).toBe('input tokens a minute');
    expect(limited(metric({ window: '5h' }))).toBe('input tokens in 5h');
  });
});

it('makes a sentence of a message', () => expect(sentence('the budget is used')).toBe('The budget is used.'));
