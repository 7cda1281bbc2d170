// Settings as a form holds them, by section: what kind of control each takes, and how its text becomes a value.
import type { Setting, SettingValue } from '../api/types';

/** What is typed for a setting. */
export type Typed = boolean | string;
type Value = SettingValue | null | undefined;

const SECTIONS: Record<string, [string, string]> = {
  '': ['General', 'Where torod listens, and what holds where nothing else is said.'],
  routing: ['Routing', 'Who gets a request, how often it is tried, and when somebody is left alone.'],
  auto: ['Automatic models', 'How “auto” chooses a model for a conversation.'],
  limits: ['Limits', 'How much is let in at the same time.'],
  egress: ['What may be called', 'Addresses that providers may have.'],
  shutdown: ['Stopping', 'What becomes of requests in flight.'],
  log: ['Log', 'What is written, and how.'],
  tokens: ['Tokens', 'How long ended ones stay listed.'],
  usage: ['Usage', 'How long figures are kept.'],
  responses: ['Stored responses', 'Answers of the Responses API that clients come back to.'],
  conversations: ['Conversations', 'Whether requests and answers are kept, how long, and what is taken out of them.'],
  prices: ['Prices', 'What models cost whose price nobody knows, in US dollars for a million tokens.'],
  alerts: ['Alerts', 'What is told, and from when on.'],
  server: ['Proxies', 'Whose word about the client is believed.'],
  admin: ['Admin pages', 'How these pages are reached, and how long a login lasts.'],
  tls: ['TLS', 'How connections are encrypted.'],
  telemetry: ['Telemetry', 'Figures and traces for other systems.'],
};

/** The section of a key: all before its first point. */
export const sectionOf = (key: string): string => (key.includes('.') ? key.slice(0, key.indexOf('.')) : '');
/** What a section is called, and what it is for. */
export const sectionSaid = (section: string): { title: string; meaning: string } => ({ title: SECTIONS[section]?.[0] ?? section, meaning: SECTIONS[section]?.[1] ?? '' });

/** Settings by section, in their order. */
export function bySection(all: readonly Setting[]): { section: string; settings: Setting[] }[] {
  const found = new Map<string, Setting[]>();
  for (const one of all) found.set(sectionOf(one.key), [...(found.get(sectionOf(one.key)) ?? []), one]);
  return [...found].map(([section, settings]) => ({ section, settings }));
}

/** Words that fit a search: of the key, of what it does, of its value. */
export function fits(one: Setting, q: string): boolean {
  const text = `${one.key} ${one.meaning} ${textOf(one.value)} ${sectionSaid(sectionOf(one.key)).title}`.toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The words that a setting can be, where it is one of a few: `warn or reject`, `auto, human or json`. */
export function choices(kind: string): string[] | undefined {
  if (!/\bor\b/.test(kind) || /^(array|list|table)\b/.test(kind) || /duration|number|size/.test(kind)) return undefined;
  const words = kind.split(/,\s*|\s+or\s+/).map((word) => word.trim()).filter(Boolean);
  return words.every((word) => /^[\w+-]+$/.test(word)) ? words : undefined;
}
const isList = (kind: string): boolean => /^(array|list) of /.test(kind);
/** Which control shows it. */
export function control(one: Setting): 'switch' | 'choice' | 'list' | 'number' | 'text' {
  if (one.kind === 'boolean') return 'switch';
  if (choices(one.kind)) return 'choice';
  if (isList(one.kind)) return 'list';
  return /number/.test(one.kind) ? 'number' : 'text';
}

/** A value as a text: lists one a line. */
export function textOf(value: Value): string {
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.join('\n') : String(value);
}
/** A value as it is read by people in a line. */
export function shortOf(value: Value): string {
  if (value === null || value === undefined || value === '') return 'nothing';
  if (Array.isArray(value)) return value.length > 0 ? value.join(', ') : 'none';
  return value === true ? 'on' : value === false ? 'off' : String(value);
}
/** What the form begins with. */
export const typedOf = (one: Setting): Typed => (one.kind === 'boolean' ? one.value === true : textOf(one.value));
export const same = (a: Value, b: Value): boolean => textOf(a) === textOf(b);

/** What was typed, as the file takes it; null: the default holds. A fault is a sentence. */
export function valueOf(one: Setting, typed: Typed): { value: SettingValue | null } | { fault: string } {
  if (typeof typed === 'boolean') return { value: typed };
  const text = typed.trim();
  if (isList(one.kind)) {
    const words = typed.split('\n').map((word) => word.trim()).filter(Boolean);
    if (!/number/.test(one.kind)) return { value: words };
    const numbers = words.map(Number);
    return numbers.every(Number.isSafeInteger) ? { value: numbers } : { fault: 'Write whole numbers, one a line.' };
  }
  if (text === '') return { value: one.default === '' ? '' : null };
  if (one.kind === 'whole number') return /^-?\d{1,15}$/.test(text) ? { value: Number(text) } : { fault: 'Write a whole number.' };
  if (one.kind === 'number') return /^-?\d{1,12}(\.\d{1,9})?$/.test(text) ? { value: Number(text) } : { fault: 'Write a number, such as 2.5.' };
  if (one.kind === 'duration') return /^(\d+(ms|s|m|h|d))+$/.test(text.replaceAll(' ', '')) ? { value: text.replaceAll(' ', '') } : { fault: 'Write it as 500ms, 30s, 5m, 2h or 7d.' };
  if (one.kind === 'size') return /^\d+\s*(B|KiB|MiB|GiB|kB|KB|MB|GB)?$/.test(text) ? { value: text.replaceAll(' ', '') } : { fault: 'Write it as 512KiB, 32MiB or 1GiB.' };
  return { value: text };
}
