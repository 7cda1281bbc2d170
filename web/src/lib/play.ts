// Trying a model: one conversation in any of the client protocols, and what comes back piece by piece.

export type Protocol = 'chat' | 'responses' | 'messages' | 'gemini';
export const PROTOCOLS: [Protocol, string][] = [['chat', 'Chat Completions'], ['responses', 'Responses'], ['messages', 'Messages'], ['gemini', 'Gemini']];

export interface Turn {
  role: 'user' | 'assistant';
  text: string;
}
export interface Wish {
  protocol: Protocol;
  model: string;
  system: string;
  turns: Turn[];
  isStreamed: boolean;
  maxTokens: number;
  temperature?: number | undefined;
}
/** What a piece of an answer adds. */
export interface Piece {
  text?: string;
  thought?: string;
  input?: number;
  output?: number;
  error?: string;
}
type Json = Record<string, unknown>;

/** The path and the body of a wish. */
export function asked(wish: Wish): { path: string; body: Json } {
  const { model, system, turns, isStreamed, maxTokens, temperature } = wish;
  const warm = temperature === undefined ? {} : { temperature };
  if (wish.protocol === 'chat') {
    const messages = [...(system ? [{ role: 'system', content: system }] : []), ...turns.map((turn) => ({ role: turn.role, content: turn.text }))];
    return { path: '/v1/chat/completions', body: { model, messages, max_completion_tokens: maxTokens, stream: isStreamed, ...(isStreamed && { stream_options: { include_usage: true } }), ...warm } };
  }
  if (wish.protocol === 'responses') {
    const input = turns.map((turn) => ({ role: turn.role, content: turn.text }));
    return { path: '/v1/responses', body: { model, input, ...(system && { instructions: system }), max_output_tokens: maxTokens, stream: isStreamed, store: false, ...warm } };
  }
  if (wish.protocol === 'messages') {
    const messages = turns.map((turn) => ({ role: turn.role, content: turn.text }));
    return { path: '/v1/messages', body: { model, messages, ...(system && { system }), max_tokens: maxTokens, stream: isStreamed, ...warm } };
  }
  const contents = turns.map((turn) => ({ role: turn.role === 'user' ? 'user' : 'model', parts: [{ text: turn.text }] }));
  const verb = isStreamed ? 'streamGenerateContent?alt=sse' : 'generateContent';
  return {
    path: `/v1beta/models/${encodeURIComponent(model)}:${verb}`,
    body: { contents, ...(system && { systemInstruction: { parts: [{ text: system }] } }), generationConfig: { maxOutputTokens: maxTokens, ...warm } },
  };
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const words = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const within = (value: unknown): Json => (value && typeof value === 'object' ? (value as Json) : {});

/** What an error body says, in whichever protocol. */
export function errorOf(body: unknown): string | undefined {
  const error = within(body)['error'];
  if (typeof error === 'string') return error;
  return words(within(error)['message']) || undefined;
}

function chat(body: Json): Piece {
  const choice = within(list(body['choices'])[0]);
  const said = within(choice['delta'] ?? choice['message']);
  const usage = within(body['usage']);
  return { text: words(said['content']), thought: words(said['reasoning_content'] ?? said['reasoning']), input: number(usage['prompt_tokens']), output: number(usage['completion_tokens']) };
}
function responses(body: Json): Piece {
  const type = words(body['type']);
  if (type === 'response.output_text.delta') return { text: words(body['delta']) };
  if (type.startsWith('response.reasoning') && type.endsWith('.delta')) return { thought: words(body['delta']) };
  const whole = type ? within(body['response']) : body;
  const usage = within(whole['usage']);
  const piece: Piece = { input: number(usage['input_tokens']), output: number(usage['output_tokens']), error: errorOf(whole) };
  // A whole answer has its texts; the last event of a stream has them too, but they were told before.
  if (!type) {
    for (const item of list(whole['output'])) {
      for (const part of list(item['content'])) piece.text = (piece.text ?? '') + words(part['text']);
      for (const part of list(item['summary'])) piece.thought = (piece.thought ?? '') + words(part['text']);
    }
  }
  return piece;
}
function messages(body: Json): Piece {
  const delta = within(body['delta']);
  const usage = within(body['usage'] ?? within(body['message'])['usage']);
  const input = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((name) => number(usage[name])).filter((one) => one !== undefined);
  const piece: Piece = { text: words(delta['text']), thought: words(delta['thinking']), output: number(usage['output_tokens']) };
  if (input.length > 0 && body['type'] !== 'message_delta') piece.input = input.reduce((a, b) => a + b, 0);
  for (const part of list(body['content'])) {
    piece.text += words(part['text']);
    piece.thought += words(part['thinking']);
  }
  return piece;
}
function gemini(body: Json): Piece {
  const piece: Piece = {};
  for (const part of list(within(within(list(body['candidates'])[0])['content'])['parts'])) {
    if (part['thought']) piece.thought = (piece.thought ?? '') + words(part['text']);
    else piece.text = (piece.text ?? '') + words(part['text']);
  }
  const usage = within(body['usageMetadata']);
  return { ...piece, input: number(usage['promptTokenCount']), output: number(usage['candidatesTokenCount']) };
}

/** What a whole answer or one event of a stream adds. */
export function read(protocol: Protocol, body: Json): Piece {
  const piece = { chat, responses, messages, gemini }[protocol](body);
  const error = errorOf(body);
  return error ? { ...piece, error } : piece;
}

/** The `data:` of server-sent events, however the bytes are cut. */
export class Events {
  #rest = '';
  /** What is whole by now. */
  take(text: string): string[] {
    this.#rest += text;
    const events = this.#rest.split(/\r?\n\r?\n/);
    this.#rest = events.pop() ?? '';
    return events
      .map((event) => event.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, '')).join('\n'))
      .filter((data) => data !== '' && data !== '[DONE]');
  }
}
