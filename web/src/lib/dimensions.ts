// What usage can be told apart by, in the words of people; filters of pages are these same names in the query.

export const DIMENSIONS: [string, string][] = [
  ['model', 'Model'],
  ['model_asked', 'Model asked for'],
  ['provider', 'Provider'],
  ['token', 'Token'],
  ['subtree', 'Token with those below'],
  ['run', 'Run'],
  ['session', 'Session'],
  ['agent', 'Agent'],
  ['address', 'Address'],
  ['user_agent', 'User agent'],
  ['credential', 'Credential'],
  ['surface', 'Surface'],
  ['client_protocol', 'Client protocol'],
  ['status', 'Status'],
  ['outcome', 'Outcome'],
  ['error_class', 'Error class'],
  ['stream', 'Streamed'],
];

/** The word for a dimension; `label:team` is `team`. */
export function dimensionName(key: string): string {
  if (key === 'own_token') return 'Token alone';
  return DIMENSIONS.find(([name]) => name === key)?.[1] ?? (key.startsWith('label:') ? key.slice(6) : key);
}

/** The names that filters have, besides labels. */
export const FILTERS = [...DIMENSIONS.map(([name]) => name).filter((name) => name !== 'subtree'), 'own_token'];

/** The filters that stand in the query of a page, `not_…` and labels included, as the API takes them. */
export function filtersOf(query: URLSearchParams): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const name of [...FILTERS, 'label']) {
    for (const key of [name, `not_${name}`]) {
      const values = query.getAll(key);
      if (values.length > 0) found[key] = values;
    }
  }
  return found;
}

/** The filter that leaves just one row of a report: `token` means its subtree, and `own_token` what rows by token stand for. */
export function filterFor(dimension: string, value: string | null): [string, string] {
  if (dimension.startsWith('label:')) return ['label', `${dimension.slice(6)}=${value ?? ''}`];
  const name = { subtree: 'token', token: 'own_token' }[dimension] ?? dimension;
  return [name, name === 'stream' ? (value === 'yes' ? 'true' : 'false') : (value ?? '')];
}
