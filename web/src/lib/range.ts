// Spans of time as the range picker and the query of a page name them.

/** What can be picked, with the words for it. */
export const RANGES = [
  ['1h', 'Last hour'],
  ['6h', 'Last 6 hours'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['90d', 'Last 90 days'],
  ['today', 'Today'],
  ['yesterday', 'Yesterday'],
  ['week', 'This week'],
  ['last-week', 'Last week'],
  ['month', 'This month'],
  ['last-month', 'Last month'],
] as const;

export type Step = 'five_minutes' | 'hour' | 'day' | 'week' | 'month';

/** A span: by name, or from one moment to another; without the other, to now. */
export type Range = { period: string } | { since_ms: number; until_ms?: number | undefined };

/** Reads `24h`, `last-week`, `all`, `1763…-1763…` or `1763…-`; what is none of these is the last day. */
export function parse(text: string | undefined): Range {
  if (text === 'all') return { since_ms: 0 };
  const exact = /^(\d{10,15})-(\d{10,15})?$/.exec(text ?? '');
  if (exact) {
    const [since_ms, until_ms] = [Number(exact[1]), exact[2] ? Number(exact[2]) : undefined];
    if (since_ms < (until_ms ?? Infinity)) return { since_ms, until_ms };
  }
  return { period: RANGES.find(([name]) => name === text)?.[0] ?? '24h' };
}

/** The word for it in a query. */
export function text(range: Range): string {
  return 'period' in range ? range.period : since(range.since_ms, range.until_ms);
}

/** The same from a moment to another, or to now; from the beginning: `all`. */
export const since = (sinceMs: number, untilMs?: number | null): string => (sinceMs <= 0 && !untilMs ? 'all' : `${sinceMs}-${untilMs ?? ''}`);

/** How long it is, about, in milliseconds. */
export function length(range: Range): number {
  if (!('period' in range)) return (range.until_ms ?? Date.now()) - range.since_ms;
  const ago = /^(\d+)([hd])$/.exec(range.period);
  if (ago) return Number(ago[1]) * (ago[2] === 'h' ? 3_600_000 : 86_400_000);
  return range.period.includes('month') ? 30 * 86_400_000 : range.period.includes('week') ? 7 * 86_400_000 : 86_400_000;
}

/** Stretches that make a readable chart of it. */
export function step(range: Range): Step {
  const ms = length(range);
  if (ms <= 12 * 3_600_000) return 'five_minutes';
  if (ms <= 4 * 86_400_000) return 'hour';
  return ms <= 120 * 86_400_000 ? 'day' : ms <= 800 * 86_400_000 ? 'week' : 'month';
}

/** How long a stretch is, in milliseconds (a month: thirty days). */
export const STEP_MS: Record<Step, number> = { five_minutes: 300_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000 };

/** The clocks of this browser. */
export const timeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
