// Kinds of alerts in words.

/** Every kind that can be asked for. */
export const KINDS: [string, string][] = [
  ['quota_low', 'Quota low'],
  ['quota_exhausted', 'Quota used up'],
  ['budget', 'Budget'],
  ['provider_down', 'Provider down'],
  ['price_unknown', 'Price unknown'],
  ['usage_lost', 'Usage lost'],
];

/** The word for a kind. */
export const kindWord = (kind: string): string => KINDS.find(([key]) => key === kind)?.[1] ?? kind.replaceAll('_', ' ');

/** A message as a sentence: it begins large and ends with a point. */
export function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
