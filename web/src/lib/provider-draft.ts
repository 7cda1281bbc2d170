// A provider as a form holds it, in texts; made of the configuration in force, and made into what the file takes.
import type { ProviderSummary } from '../api/types';
import { urlFault } from './provider';

/** The protocols that a provider may speak, with their names for people. */
export const PROTOCOLS = [['openai', 'OpenAI Chat Completions'], ['responses', 'OpenAI Responses'], ['anthropic', 'Anthropic Messages'], ['gemini', 'Gemini'], ['cohere', 'Cohere']] as const;
type Protocol = (typeof PROTOCOLS)[number][0];

export interface ProviderDraft {
  urls: Record<Protocol, string>;
  priority: string;
  requests_per_minute: string;
  tokens_per_minute: string;
  concurrent: string;
  connect: string;
  first_byte: string;
  idle: string;
}
/** What of a provider in force the form needs. */
interface InForce {
  name?: string;
  concurrent?: number;
  requests_per_minute?: number;
  tokens_per_minute?: number;
  timeouts?: { connect_ms?: number; first_byte_ms?: number; idle_ms?: number };
}

/** A length of time as the file has it: `500ms`, `10s`, `10m`. */
export function durationText(ms: number): string {
  for (const [unit, letter] of [[3_600_000, 'h'], [60_000, 'm'], [1_000, 's']] as const) if (ms > 0 && ms % unit === 0) return `${ms / unit}${letter}`;
  return `${ms}ms`;
}

/** The form of the provider that has this name. */
export function draftOf(name: string, config: unknown, summary: ProviderSummary): ProviderDraft {
  const all = (config as { providers?: InForce[] } | undefined)?.providers ?? [];
  const found = all.find((one) => one.name === name) ?? {};
  const url = (protocol: Protocol): string => summary.protocols.find((one) => one.protocol === protocol)?.url ?? '';
  const time = (ms: number | undefined): string => (ms === undefined ? '' : durationText(ms));
  return {
    urls: Object.fromEntries(PROTOCOLS.map(([protocol]) => [protocol, url(protocol)])) as Record<Protocol, string>,
    priority: String(summary.priority), requests_per_minute: String(found.requests_per_minute ?? 0), tokens_per_minute: String(found.tokens_per_minute ?? 0), concurrent: String(found.concurrent ?? 0),
    connect: time(found.timeouts?.connect_ms), first_byte: time(found.timeouts?.first_byte_ms), idle: time(found.timeouts?.idle_ms),
  };
}

/** What is wrong with the form, by the key of the file. */
export function faultsOf(draft: ProviderDraft): Record<string, string> {
  const wrong: Record<string, string> = {};
  for (const [protocol] of PROTOCOLS) {
    const fault = draft.urls[protocol].trim() && urlFault(draft.urls[protocol]);
    if (fault) wrong[`protocols.${protocol}`] = fault;
  }
  if (PROTOCOLS.every(([protocol]) => !draft.urls[protocol].trim())) wrong['protocols.openai'] = 'It has to speak at least one protocol.';
  if (!/^-?\d{1,9}$/.test(draft.priority.trim())) wrong['priority'] = 'Write a whole number.';
  for (const key of ['requests_per_minute', 'tokens_per_minute', 'concurrent'] as const) if (!/^\d{1,12}$/.test(draft[key].trim())) wrong[key] = 'Write a whole number; 0 for no limit.';
  for (const key of ['connect', 'first_byte', 'idle'] as const) if (draft[key].trim() && !/^\d+(ms|s|m|h)$/.test(draft[key].trim())) wrong[`timeouts.${key}`] = 'Write it as 500ms, 10s or 5m.';
  return wrong;
}

/** What differs, by the key of the file; `null`: it is taken out, so that its default holds. */
export function changesOf(draft: ProviderDraft, base: ProviderDraft): Record<string, string | number | null> {
  const set: Record<string, string | number | null> = {};
  for (const [protocol] of PROTOCOLS) if (draft.urls[protocol].trim() !== base.urls[protocol]) set[`protocols.${protocol}`] = draft.urls[protocol].trim() || null;
  for (const key of ['priority', 'requests_per_minute', 'tokens_per_minute', 'concurrent'] as const) if (draft[key].trim() !== base[key]) set[key] = Number(draft[key]);
  for (const key of ['connect', 'first_byte', 'idle'] as const) if (draft[key].trim() !== base[key]) set[`timeouts.${key}`] = draft[key].trim() || null;
  return set;
}
