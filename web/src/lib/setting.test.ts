// How settings are shown, searched, and turned into what the file takes.
import { describe, expect, it } from 'vitest';
import { bySection, choices, control, fits, sectionOf, shortOf, typedOf, valueOf } from './setting';

const one = (kind: string, value: unknown = null, fallback: unknown = value, key = 'routing.attempts') => ({ key, kind, value, default: fallback, meaning: 'Calls in all for one request.', example: '', at_restart: false }) as never;

describe('settings', () => {
  it('stand in sections in their order', () => {
    expect(sectionOf('listen_addr')).toBe('');
    const all = [one('text', 'a', 'a', 'listen_addr'), one('text', 'a', 'a', 'log.level'), one('text', 'a', 'a', 'routing.breaker.failures'), one('text', 'a', 'a', 'log.format')];
    expect(bySection(all).map(({ section, settings }) => [section, settings.length])).toEqual([['', 1], ['log', 2], ['routing', 1]]);
  });
  it('have the control of their kind', () => {
    expect([one('boolean'), one('warn or reject'), one('array of patterns'), one('whole number'), one('duration'), one('duration or never'), one('array of quota_low and budget')].map(control)).toEqual(['switch', 'choice', 'list', 'number', 'text', 'text', 'list']);
    expect(choices('rules, model, rules+model or off')).toEqual(['rules', 'model', 'rules+model', 'off']);
    expect(choices('provider name')).toBeUndefined();
  });
  it('become values of their kind', () => {
    expect(valueOf(one('whole number'), ' 5 ')).toEqual({ value: 5 });
    expect(valueOf(one('number'), '2.5')).toEqual({ value: 2.5 });
    expect(valueOf(one('duration'), '1h 30m')).toEqual({ value: '1h30m' });
    expect(valueOf(one('size'), '32 MiB')).toEqual({ value: '32MiB' });
    expect(valueOf(one('boolean'), false)).toEqual({ value: false });
    expect(valueOf(one('array of texts'), ' a \n\n b')).toEqual({ value: ['a', 'b'] });
    expect(valueOf(one('array of whole numbers'), '50\n80')).toEqual({ value: [50, 80] });
  });
  it('are refused with a sentence before they are sent', () => {
    for (const [kind, text] of [['whole number', '2.5'], ['number', 'NaN'], ['duration', 'soon'], ['size', '-1'], ['array of whole numbers', '5\nx']] as const) expect(valueOf(one(kind), text)).toHaveProperty('fault');
  });
  it('go back to the default when they are emptied', () => {
    expect(valueOf(one('duration', '5s', '20s'), '')).toEqual({ value: null });
    expect(valueOf(one('model', 'a/b', ''), '')).toEqual({ value: '' });
  });
  it('are found by every word, whichever case', () => {
    expect(fits(one('whole number', 3), 'ATTEMPTS calls')).toBe(true);
    expect(fits(one('whole number', 3), 'attempts breaker')).toBe(false);
  });
  it('read as people say them', () => {
    expect([true, false, null, [], ['a', 'b'], '', 0].map((value) => shortOf(value as never))).toEqual(['on', 'off', 'nothing', 'none', 'a, b', 'nothing', '0']);
    expect(typedOf(one('boolean', true))).toBe(true);
    expect(typedOf(one('array of texts', ['a', 'b']))).toBe('a\nb');
  });
});
