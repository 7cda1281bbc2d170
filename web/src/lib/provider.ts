// Words and drafts of providers: how they stand, what their keys are, what a form asks for.

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'accent';
/** A state in a word, with its colour and what it means. */
export interface Said {
  word: string;
  tone: Tone;
  meaning: string;
}

const STATES: Record<string, Said> = {
  up: { word: 'up', tone: 'good', meaning: 'Its last call was answered.' },
  failing: { word: 'failing', tone: 'bad', meaning: 'Its last calls failed. It is tried again by itself.' },
  unknown: { word: 'not used yet', tone: 'plain', meaning: 'Nobody has called it since the gateway started.' },
  disabled: { word: 'off', tone: 'plain', meaning: 'It is switched off: nothing goes there.' },
};
const STANDINGS: Record<string, Said> = {
  up: { word: 'up', tone: 'good', meaning: 'Its last call was answered.' },
  unused: { word: 'not used yet', tone: 'plain', meaning: 'Nobody has called it since the gateway started.' },
  half_open: { word: 'on trial', tone: 'warn', meaning: 'The next request finds out whether it has recovered.' },
  failing: { word: 'failing', tone: 'bad', meaning: 'This model failed too often there, and is left alone for a while.' },
  unreachable: { word: 'unreachable', tone: 'bad', meaning: 'No connection: the whole provider is left alone for a while.' },
  credential_refused: { word: 'key refused', tone: 'bad', meaning: 'The provider refused this key. Give it another one.' },
  rate_limited: { word: 'limit reached', tone: 'warn', meaning: 'The provider said that it has had enough for now.' },
};
const plainly = (word: string): Said => ({ word: word.replaceAll('_', ' '), tone: 'plain', meaning: '' });

/** How a provider stands. */
export const stateSaid = (state: string | null | undefined): Said => (state ? (STATES[state] ?? plainly(state)) : { word: 'not in use', tone: 'warn', meaning: 'It stands in the file, but the gateway cannot use it: see its keys, and the log.' });
/** How one model of a provider stands with one of its keys. */
export const standingSaid = (state: string): Said => STANDINGS[state] ?? plainly(state);

/** Where a key is from, in words: `the variable OPENAI_API_KEY`. */
export function sourceSaid(source: string): string {
  const variable = /^\$\{(.+)\}$/.exec(source)?.[1];
  if (variable) return `variable ${variable}`;
  if (source === '[secret]') return 'written in the file itself';
  const [kind, ...rest] = source.split(':');
  const what = rest.join(':');
  const kinds: Record<string, string> = { file: `file ${what}`, command: 'answer of a command', secret: `sealed here as ${what}`, stored: `sealed here as ${what}`, oauth: `OAuth ${what}`, device: `signed in ${what}` };
  return kinds[kind ?? ''] ?? source;
}

/** Up to two letters for a provider, in place of its trademark. */
export function letters(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const [first = '?', second] = words;
  return (second ? (first[0] ?? '') + (second[0] ?? '') : first.slice(0, 2)).toUpperCase();
}

/** Which of the eight series colours a name has, always the same one. */
export function hue(name: string): number {
  let sum = 7;
  for (const letter of name.toLowerCase()) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return (sum % 8) + 1;
}

/** What kind of step a trial took. */
export const STEPS: Record<string, string> = { list: 'Lists its models', chat: 'Answers', stream: 'Streams', tools: 'Calls a tool', key: 'Answers with another key' };

/** What is left of a limit, with its unit. */
export function quotaAmount(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return '?';
  if (unit === 'usd' || unit === 'cny') return `${unit === 'usd' ? '$' : '¥'}${(value / 1e9).toLocaleString('en-US', { maximumFractionDigits: 2 })}`;
  if (unit === 'credits') return (value / 1e9).toLocaleString('en-US', { maximumFractionDigits: 2 });
  if (unit === 'percent') return `${value / 10}%`;
  return value.toLocaleString('en-US');
}

/** Whether a text is an http address that a provider may have; nothing: it is, else why not. */
export function urlFault(text: string): string | undefined {
  try {
    const url = new URL(text.trim());
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'It begins with http:// or https://.';
    if (url.username || url.password) return 'Give the key in its own field and not in the address.';
    return undefined;
  } catch {
    return 'Write the whole address, such as https://llm.example.com/v1.';
  }
}

/** The filter of calls that failed by the fault of whom they went to: who hung up was the client. */
export const FAILED = { not_outcome: ['ok', 'client_abort'] };
