// Budgets in words, and as people type them.
import type { Budget, BudgetView } from '../api/types';
import { count, exact, money, span } from './format';
import { since } from './range';

type Unit = Budget['unit'];
type Window = Budget['window'];

/** Every unit with its word. */
export const UNITS: [Unit, string][] = [['usd_nanos', 'US dollars'], ['tokens', 'LLM tokens'], ['requests', 'requests']];

/** So much of a unit. */
export function amount(unit: Unit, value: number): string {
  return unit === 'usd_nanos' ? money(value) : `${count(value)} ${unit}`;
}

/** `a month`, `in any 5h`, `in all`. */
export function windowWords(window: Window): string {
  if (window?.calendar) return `a ${window.calendar}`;
  return window?.seconds ? `in any ${span(window.seconds * 1000)}` : 'in all';
}

/** `$12.50 of $20 a month`. */
export function standing(budget: BudgetView): string {
  const used = budget.unit === 'usd_nanos' ? money(budget.used) : count(budget.used);
  return `${used} of ${amount(budget.unit, budget.limit)} ${windowWords(budget.window)}`;
}

/** When the stretch of the calendar that ends at `endMs` began, by the clocks of `zone`. */
function begun(period: 'hour' | 'day' | 'week' | 'month', zone: string, endMs: number): number {
  if (period === 'hour') return endMs - 3_600_000;
  const clocks = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
  /** What the clocks show, as if they were those of UTC. */
  const shown = (ms: number): number => {
    const part = Object.fromEntries(clocks.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second']);
  };
  const end = new Date(shown(endMs));
  const wanted = period === 'month' ? end.setUTCMonth(end.getUTCMonth() - 1) : end.getTime() - (period === 'week' ? 7 : 1) * 86_400_000;
  const about = wanted + endMs - shown(endMs);
  return about + wanted - shown(about);
}

/** The span in which what is used of a budget was used, as a word of the address. `begunMs`: when its token was made. */
export function spanOf(budget: BudgetView, nowMs: number, begunMs = 0): string {
  const { window, resets_ms: resets } = budget;
  if (window?.calendar && resets) return since(begun(window.calendar, window.time_zone ?? 'UTC', resets));
  return since(window?.seconds ? Math.max(begunMs, nowMs - window.seconds * 1000) : begunMs);
}

/** A window as one word of a form: `life`, `day`, …, or seconds. */
export function windowKey(window: Window): string {
  if (window?.calendar) return window.calendar;
  return window?.seconds ? String(window.seconds) : 'life';
}

/** What can be chosen. */
export const WINDOWS: [string, string][] = [
  ['life', 'in all, for its life'],
  ['hour', 'each hour'],
  ['day', 'each day'],
  ['week', 'each week'],
  ['month', 'each month'],
  ['3600', 'in any 60 minutes'],
  ['18000', 'in any 5 hours'],
  ['86400', 'in any 24 hours'],
  ['604800', 'in any 7 days'],
  ['2592000', 'in any 30 days'],
];

/** What was chosen, as the API has it. Calendars go by the clocks of whoever makes the budget. */
export function windowOf(key: string, timeZone: string): Window {
  if (key === 'life') return undefined as unknown as Window;
  const period = (['hour', 'day', 'week', 'month'] as const).find((one) => one === key);
  return (period ? { calendar: period, time_zone: timeZone } : { seconds: Number(key) }) as Window;
}

/** `12.5`, `400k`, `1.5M`, `10,000` as a number; nothing: it is none, or could be read in two ways, such as `1.000`. */
export function typedAmount(text: string): number | undefined {
  const whole = text.trim().replace(/(?<=\d)[ _](?=\d{3}\b)/g, '');
  // Commas between groups of three, as these pages write numbers themselves.
  const bare = /^\$?\s*\d{1,3}(,\d{3})+(\.\d+)?\s*[kKmMbB]?$/.test(whole) ? whole.replaceAll(',', '') : whole;
  if (/^\$?\s*[1-9]\d{0,2}(\.\d{3})+\s*$/.test(bare)) return undefined;
  const match = /^\$?\s*(\d+(?:[.,]\d+)?|\.\d+)\s*([kKmMbB]?)$/.exec(bare);
  if (!match) return undefined;
  const factor = { k: 1e3, m: 1e6, b: 1e9 }[match[2]?.toLowerCase() ?? ''] ?? 1;
  const value = Number(match[1]?.replace(',', '.')) * factor;
  return Number.isFinite(value) ? value : undefined;
}

/** The limit in the API's unit. */
export function limitOf(unit: Unit, text: string): number | undefined {
  const value = typedAmount(text);
  if (value === undefined) return undefined;
  const limit = Math.round(unit === 'usd_nanos' ? value * 1e9 : value);
  return Number.isSafeInteger(limit) ? limit : undefined;
}

/** A limit as it is typed. */
export function limitText(unit: Unit, limit: number): string {
  return unit === 'usd_nanos' ? String(limit / 1e9) : exact(limit).replaceAll(',', '');
}
