// What providers have left, in words.
import type { QuotaMetric } from '../api/types';
import { count, money, perMille } from './format';

/** An amount in its unit: `1.2k tokens`, `$3.20`, `12%`. */
export function quotaAmount(unit: string, value: number): string {
  if (unit === 'usd') return money(value);
  if (unit === 'percent') return perMille(value);
  if (unit === 'cny') return `¥${(value / 1e9).toFixed(2)}`;
  if (unit === 'credits') return `${count(Math.round(value / 1e9))} credits`;
  return `${count(value)} ${unit}`;
}

/** `9,999 of 10,000 requests left`. */
export function left(metric: QuotaMetric): string {
  const { unit, remaining, limit, left_permille: part } = metric;
  const has = (value: number | null | undefined): value is number => value !== null && value !== undefined;
  if (unit === 'percent' && has(part)) return `${perMille(part)} left`;
  if (has(remaining) && has(limit) && limit > 0) {
    const plain = unit === 'requests' || unit === 'tokens';
    return `${plain ? count(remaining) : quotaAmount(unit, remaining)} of ${quotaAmount(unit, limit)} left`;
  }
  if (has(remaining)) return `${quotaAmount(unit, remaining)} left`;
  if (has(part)) return `${perMille(part)} left`;
  return has(metric.used) ? `${quotaAmount(unit, metric.used)} used` : 'not told';
}

/** What is limited, in words: `input tokens a minute`. */
export function limited(metric: QuotaMetric): string {
  const what = metric.feature.replace(/[-_]/g, ' ');
  const window = metric.window ? (/^\d/.test(metric.window) ? ` in ${metric.window}` : ` a ${metric.window}`) : '';
  return `${what}${window}`;
}
