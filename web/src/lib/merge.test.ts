// Two people change the same thing: what each of them touched holds.
import { expect, it } from 'vitest';
import { merged } from './merge';

it('keeps edits, and takes all else from others', () => {
  const was = { name: 'a', labels: '', budgets: [{ limit: '1' }], urls: { openai: 'x', gemini: '' } };
  const draft = { ...was, name: 'mine', urls: { openai: 'mine', gemini: '' } };
  const now = { name: 'theirs', labels: 'team=a', budgets: [{ limit: '2' }], urls: { openai: 'x', gemini: 'theirs' } };
  expect(merged(draft, was, now)).toEqual({ name: 'mine', labels: 'team=a', budgets: [{ limit: '2' }], urls: { openai: 'mine', gemini: 'theirs' } });
});

it('keeps what was emptied', () => {
  expect(merged({ labels: '' }, { labels: 'team=a' }, { labels: 'team=b' })).toEqual({ labels: '' });
});
