// The playground's words in four protocols.
import { describe, expect, it } from 'vitest';
import { Events, asked, errorOf, read, type Protocol } from './play';

const wish = { model: 'a/b', system: 'be brief', turns: [{ role: 'user', text: 'hi' }, { role: 'assistant', text: 'yes?' }, { role: 'user', text: 'go' }] as { role: 'user' | 'assistant'; text: string }[], isStreamed: true, maxTokens: 9 };

describe('asking', () => {
  it('says the same in each protocol', () => {
    expect(asked({ ...wish, protocol: 'chat' }).body).toMatchObject({ model: 'a/b', stream: true, messages: [{ role: 'system' }, { role: 'user' }, { role: 'assistant' }, { role: 'user', content: 'go' }] });
    expect(asked({ ...wish, protocol: 'messages' }).body).toMatchObject({ system: 'be brief', max_tokens: 9, messages: [{}, {}, {}] });
    expect(asked({ ...wish, protocol: 'responses' }).body).toMatchObject({ instructions: 'be brief', max_output_tokens: 9, input: [{}, {}, {}] });
    const gemini = asked({ ...wish, protocol: 'gemini' });
    expect(gemini.path).toBe('/v1beta/models/a%2Fb:streamGenerateContent?alt=sse');
    expect(gemini.body).toMatchObject({ contents: [{ role: 'user' }, { role: 'model' }, { role: 'user' }] });
  });
  it('says no temperature that nobody asked for', () => {
    expect(asked({ ...wish, protocol: 'chat' }).body).not.toHaveProperty('temperature');
    expect(asked({ ...wish, protocol: 'chat', temperature: 0 }).body).toHaveProperty('temperature', 0);
  });
});

describe('reading', () => {
  const cases: [Protocol, Record<string, unknown>, object][] = [
    ['chat', { choices: [{ delta: { content: 'a', reasoning_content: 'b' } }] }, { text: 'a', thought: 'b' }],
    ['chat', { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } }, { input: 3, output: 4 }],
    ['responses', { type: 'response.output_text.delta', delta: 'a' }, { text: 'a' }],
    ['responses', { type: 'response.completed', response: { output: [{ content: [{ text: 'again' }] }], usage: { input_tokens: 1, output_tokens: 2 } } }, { input: 1, output: 2 }],
    ['responses', { output: [{ content: [{ text: 'whole' }] }] }, { text: 'whole' }],
    ['messages', { type: 'message_start', message: { usage: { input_tokens: 1, cache_read_input_tokens: 5 } } }, { input: 6 }],
    ['messages', { type: 'content_block_delta', delta: { text: 'a' } }, { text: 'a' }],
    ['messages', { content: [{ text: 'a' }, { thinking: 'b' }] }, { text: 'a', thought: 'b' }],
    ['gemini', { candidates: [{ content: { parts: [{ text: 'a' }, { text: 'b', thought: true }] } }] }, { text: 'a', thought: 'b' }],
  ];
  it('finds texts, thoughts and counts', () => {
    for (const [protocol, body, piece] of cases) expect(read(protocol, body), JSON.stringify(body)).toMatchObject(piece);
  });
  it('takes anything without falling over', () => {
    for (const protocol of ['chat', 'responses', 'messages', 'gemini'] as const) for (const body of [{}, { choices: 1 }, { content: 'x', output: null, candidates: [null], delta: 3 }]) expect(() => read(protocol, body)).not.toThrow();
  });
  it('finds errors', () => {
    expect(errorOf({ error: { message: 'no' } })).toBe('no');
    expect(errorOf({ error: 'no' })).toBe('no');
    expect(read('messages', { type: 'error', error: { message: 'overloaded' } }).error).toBe('overloaded');
  });
});

describe('events', () => {
  it('are the same however they are cut', () => {
    const stream = 'event: a\r\ndata: {"x":1}\r\n\r\ndata: {"y":\ndata: 2}\n\n: ping\n\ndata: [DONE]\n\n';
    for (let cut = 0; cut <= stream.length; cut++) {
      const events = new Events();
      const told = [...events.take(stream.slice(0, cut)), ...events.take(stream.slice(cut))];
      expect(told, `cut at ${cut}`).toEqual(['{"x":1}', '{"y":\n2}']);
    }
  });
});
