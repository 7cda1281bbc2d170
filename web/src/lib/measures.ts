// What of usage can be looked at: how it is read from sums, and how it is written.
import type { Buckets, Report, Totals } from '../api/types';
import { count, duration, money } from './format';

export type Measure = 'cost' | 'tokens' | 'requests' | 'failures' | 'latency' | 'first_byte';

/** All LLM tokens; reasoning is a part of the output. */
export const tokens = (counts: Buckets): number => input(counts) + (counts.output ?? 0);
/** All input, from the cache or not. */
export const input = (counts: Buckets): number => (counts.input_uncached ?? 0) + (counts.cache_read ?? 0) + (counts.cache_write_5m ?? 0) + (counts.cache_write_1h ?? 0);

/** Measures that are sums, and can be stacked. */
export const SUMS: Record<'cost' | 'tokens' | 'requests' | 'failures', (totals: Totals) => number> = {
  cost: (totals) => totals.cost_nanos,
  tokens: (totals) => tokens(totals.counts),
  requests: (totals) => totals.exchanges,
  failures: (totals) => totals.failures,
};

export const MEASURES: [Measure, string][] = [
  ['cost', 'Spend'],
  ['tokens', 'Tokens'],
  ['requests', 'Requests'],
  ['failures', 'Failures'],
  ['latency', 'Latency'],
  ['first_byte', 'First byte'],
];

/** Whether a measure is a sum. */
export const isSum = (measure: Measure): measure is keyof typeof SUMS => measure in SUMS;

/** A value of a measure for people. */
export function written(measure: Measure): (value: number) => string {
  if (measure === 'cost') return money;
  return measure === 'latency' || measure === 'first_byte' ? duration : count;
}

/** The lines of a measure that is a spread of times. */
export function spreadLines(report: Report, measure: 'latency' | 'first_byte'): { name: string; values: (number | null)[]; color: string }[] {
  const part = measure === 'latency' ? 'total' : 'first_byte';
  const of = (pick: 'p50_us' | 'p95_us' | 'p99_us'): (number | null)[] => report.rows.map((row) => row.spread?.[part]?.[pick] ?? null);
  return [
    { name: 'p99: 99 of 100 took no longer', values: of('p99_us'), color: '--series-6' },
    { name: 'p95', values: of('p95_us'), color: '--series-3' },
    { name: 'p50: half took no longer', values: of('p50_us'), color: '--series-1' },
  ];
}

/** The buckets of LLM tokens, in the order of their price, with their colours. */
export const BUCKETS: { key: keyof Buckets; name: string; color: string; hint: string }[] = [
  { key: 'input_uncached', name: 'Input', color: '--series-1', hint: 'Input that no prompt cache had to do with' },
  { key: 'cache_read', name: 'Cache read', color: '--series-2', hint: 'Input read from a prompt cache: the cheap one' },
  { key: 'cache_write_5m', name: 'Cache write', color: '--series-3', hint: 'Input written to a prompt cache for five minutes' },
  { key: 'cache_write_1h', name: 'Cache write 1 h', color: '--series-8', hint: 'Input written to a prompt cache for an hour' },
  { key: 'output', name: 'Output', color: '--series-4', hint: 'What models wrote, reasoning included' },
];
