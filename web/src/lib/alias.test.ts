// How aliases are held by a form and written back.
import { describe, expect, it } from 'vitest';
import { aliasOf, draftOf, faultsOf, inProfile, moved, steps } from './alias';

const chat = { name: 'chat', lossy: null, order: null, targets: [
  { profile: 'cloud', provider: 'openai', model: 'big', weight: 3 }, { profile: 'cloud', provider: 'work', model: 'big', weight: 1 },
  { profile: null, provider: null, model: 'spare', weight: null }, { profile: 'local', provider: 'ollama', model: 'small', weight: null },
] };

describe('aliases', () => {
  it('go through the form unchanged', () => {
    const { name, ...rest } = aliasOf(draftOf(chat, ''));
    expect({ name, ...rest }).toEqual({ ...chat });
    expect(faultsOf(draftOf(chat, ''), [])).toEqual({});
  });
  it('are refused before they are sent when something is missing', () => {
    const draft = draftOf(undefined, 'local');
    expect(Object.keys(faultsOf(draft, []))).toEqual(['name', `model ${draft.targets[0]!.id}`]);
    const full = draftOf(chat, '');
    full.targets[0]!.weight = '0';
    expect(Object.keys(faultsOf(full, ['chat']))).toEqual(['name', `weight ${full.targets[0]!.id}`]);
    expect(faultsOf({ ...full, targets: [] }, [])).toHaveProperty('targets');
  });
  it('move one target and nothing else', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b'], 0, 5)).toEqual(['a', 'b']);
    expect(moved(['a'], -1, 0)).toEqual(['a']);
  });
  it('hold what their profile says, else what no profile says', () => {
    expect(inProfile(chat.targets, 'local').map((one) => one.model)).toEqual(['small']);
    expect(inProfile(chat.targets, 'other').map((one) => one.model)).toEqual(['spare']);
    expect(inProfile(chat.targets, null).map((one) => one.model)).toEqual(['spare']);
  });
  it('share a step where they have weights', () => {
    expect(steps(chat.targets).map((step) => step.length)).toEqual([2, 1, 1]);
    expect(steps([])).toEqual([]);
  });
});
