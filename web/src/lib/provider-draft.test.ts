// What the form of a provider sends: only what differs, as the file writes it.
import { describe, expect, it } from 'vitest';
import { changesOf, draftOf, durationText, faultsOf } from './provider-draft';

const summary = { name: 'work', enabled: true, priority: 10, keys: [], protocols: [{ protocol: 'openai', url: 'https://a.example/v1' }] };
const config = { providers: [{ name: 'other', concurrent: 9 }, { name: 'work', concurrent: 0, requests_per_minute: 500, tokens_per_minute: 0, timeouts: { connect_ms: 10_000, first_byte_ms: 600_000, idle_ms: 1_500 } }] };

describe('the form of a provider', () => {
  it('begins as the configuration has it', () => {
    const draft = draftOf('work', config, summary);
    expect(draft).toMatchObject({ priority: '10', requests_per_minute: '500', concurrent: '0', connect: '10s', first_byte: '10m', idle: '1500ms' });
    expect(draft.urls).toEqual({ openai: 'https://a.example/v1', responses: '', anthropic: '', gemini: '', cohere: '' });
    expect(changesOf(draft, draft)).toEqual({});
    expect(faultsOf(draft)).toEqual({});
  });
  it('sends what differs and nothing else', () => {
    const base = draftOf('work', config, summary);
    const draft = { ...base, urls: { ...base.urls, anthropic: ' https://a.example/anthropic ' }, priority: '-5', idle: '' };
    expect(changesOf(draft, base)).toEqual({ 'protocols.anthropic': 'https://a.example/anthropic', priority: -5, 'timeouts.idle': null });
  });
  it('says what is wrong before anything is sent', () => {
    const base = draftOf('work', config, summary);
    expect(faultsOf({ ...base, urls: { ...base.urls, openai: '' } })).toHaveProperty(['protocols.openai']);
    expect(faultsOf({ ...base, urls: { ...base.urls, gemini: 'gemini' }, connect: '10 parsecs', concurrent: '-1' })).toEqual({
      'protocols.gemini': expect.any(String), 'timeouts.connect': expect.any(String), concurrent: expect.any(String),
    });
  });
  it('is of use without a provider in the configuration', () => {
    expect(draftOf('gone', {}, summary).concurrent).toBe('0');
    expect(draftOf('gone', undefined, summary).connect).toBe('');
  });
  it('writes times as the file does', () => {
    expect([0, 90_000, 7_200_000, 250].map(durationText)).toEqual(['0ms', '90s', '2h', '250ms']);
  });
});
