// How providers are worded, and what a form takes for an address.
import { describe, expect, it } from 'vitest';
import { hue, letters, quotaAmount, sourceSaid, stateSaid, standingSaid, urlFault } from './provider';

describe('words of providers', () => {
  it('tells states that it knows and repeats those that it does not', () => {
    expect(stateSaid('up')).toMatchObject({ word: 'up', tone: 'good' });
    expect(stateSaid(null)).toMatchObject({ word: 'not in use', tone: 'warn' });
    expect(standingSaid('credential_refused').word).toBe('key refused');
    expect(standingSaid('made_up_later').word).toBe('made up later');
  });
  it('says where a key is from and never the key', () => {
    expect(sourceSaid('${OPENAI_API_KEY}')).toBe('variable OPENAI_API_KEY');
    expect(sourceSaid('file:/run/keys/a:b')).toBe('file /run/keys/a:b');
    expect(sourceSaid('[secret]')).toBe('written in the file itself');
    expect(sourceSaid('something new')).toBe('something new');
  });
  it('makes a mark of any name', () => {
    expect(letters('openai')).toBe('OP');
    expect(letters('open-router')).toBe('OR');
    expect(letters('<script>')).toBe('SC');
    expect(letters('---')).toBe('?');
    for (const name of ['', 'a', '日本', 'x'.repeat(500)]) expect(hue(name)).toBeGreaterThanOrEqual(1);
    for (const name of ['', 'a', '日本', 'x'.repeat(500)]) expect(hue(name)).toBeLessThanOrEqual(8);
    expect(hue('OpenAI')).toBe(hue('openai'));
  });
  it('writes amounts in their unit', () => {
    expect(quotaAmount(12_340_000_000, 'usd')).toBe('$12.34');
    expect(quotaAmount(425, 'percent')).toBe('42.5%');
    expect(quotaAmount(10_000, 'requests')).toBe('10,000');
    expect(quotaAmount(null, 'requests')).toBe('?');
  });
  it('takes addresses of http alone, without keys in them', () => {
    expect(urlFault('https://llm.example.com/v1')).toBeUndefined();
    expect(urlFault(' http://10.0.0.3:8000 ')).toBeUndefined();
    expect(urlFault('javascript:alert(1)')).toMatch(/http/);
    expect(urlFault('https://key@llm.example.com')).toMatch(/key/);
    expect(urlFault('llm.example.com')).toMatch(/whole address/);
  });
});
