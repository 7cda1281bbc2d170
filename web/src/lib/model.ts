// Models in words: what they can do, and what they cost.
import type { ModelPrice, ModelView } from '../api/types';
import { count, price } from './format';

/** Nano-dollars for a million tokens as a price list has them. */
export function perMillion(nanos: number | null | undefined): string {
  return nanos === null || nanos === undefined ? '–' : price(nanos / 1e9);
}

/** `$2 in, $8 out`. */
export function priceWords(one: ModelPrice | null | undefined): string {
  if (!one) return 'price unknown';
  return one.is_free ? 'free' : `${perMillion(one.input_nanos)} in, ${perMillion(one.output_nanos)} out`;
}

/** `128k`, `1M`: windows are told in thousands. */
export function windowSize(tokens: number | null | undefined): string {
  if (!tokens) return '–';
  return tokens >= 1e6 ? `${+(tokens / 1e6).toFixed(2)}M` : tokens >= 1_000 ? `${Math.round(tokens / 1e3)}k` : count(tokens);
}

/** Abilities that people look for, by the words of the API. */
export const ABILITIES: [string, string][] = [
  ['tools', 'Tools'], ['vision', 'Images in'], ['reasoning', 'Reasoning'], ['structured_output', 'Structured output'], ['prompt_cache', 'Prompt cache'],
  ['web_search', 'Web search'], ['pdf', 'PDF'], ['audio', 'Audio in'], ['image_output', 'Images out'], ['embeddings', 'Embeddings'],
];

/** What a model is known to do, in few words. */
export function abilities(model: ModelView): string[] {
  const found = Object.entries({ tools: 'tools', reasoning: 'reasoning', schema: 'schema', prompt_cache: 'cache', web_search: 'web' }).filter(([key]) => model.can?.[key]).map(([, word]) => word);
  for (const kind of model.input ?? []) if (kind !== 'text') found.push(kind);
  for (const kind of model.output ?? []) if (kind !== 'text') found.push(`${kind} out`);
  return model.mode && model.mode !== 'chat' ? [model.mode, ...found] : found;
}
