// What a table's columns are, and how their values are sorted and written.
import type { Snippet } from 'svelte';
import { moneyExact } from './format';

export type Value = string | number | boolean | null | undefined;
/** How a value is shown: `money` in nano-dollars, `time` in milliseconds since 1970, `duration` in microseconds. */
export type Kind = 'text' | 'mono' | 'number' | 'money' | 'time' | 'duration' | 'per_mille';

/** A column of rows `R`. */
export interface Column<R> {
  key: string;
  title: string;
  value: (row: R) => Value;
  kind?: Kind;
  /** Instead of what `kind` shows. */
  cell?: Snippet<[R]>;
  /** The rows behind the value. */
  href?: (row: R) => string | undefined;
  /** What the column means, on hover. */
  hint?: string;
  /** It cannot be sorted by. */
  isFixed?: boolean;
  /** Left out where there is little room: `wide` below 1100 px, `medium` below 760 px, `narrow` never but on phones. */
  room?: 'wide' | 'medium' | 'narrow';
  /** Takes what room is left. */
  grows?: boolean;
}

/** Whether figures stand below one another, at the right. */
export const isNumeric = (kind: Kind | undefined): boolean => kind === 'number' || kind === 'money' || kind === 'duration' || kind === 'per_mille';

const words = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Sorts; what is not known comes last, whichever way. Rows that are equal stay in their order. */
export function sorted<R>(rows: readonly R[], value: (row: R) => Value, isFalling: boolean): R[] {
  const isNothing = (one: Value): boolean => one === null || one === undefined || one === '';
  return rows
    .map((row, at) => ({ row, at, by: value(row) }))
    .sort((a, b) => {
      if (isNothing(a.by) || isNothing(b.by)) return Number(isNothing(a.by)) - Number(isNothing(b.by)) || a.at - b.at;
      const order = typeof a.by === 'string' || typeof b.by === 'string' ? words.compare(String(a.by), String(b.by)) : Number(a.by) - Number(b.by);
      return (isFalling ? -order : order) || a.at - b.at;
    })
    .map(({ row }) => row);
}

/** A value as a file has it: US dollars, ISO times, milliseconds. */
export function plain(value: Value, kind: Kind | undefined): Value {
  if (value === null || value === undefined || typeof value !== 'number') return value;
  if (kind === 'money') return moneyExact(value).replace('−', '-').replace(/[$,]/g, '');
  if (kind === 'time') return new Date(value).toISOString();
  if (kind === 'duration') return value / 1_000;
  if (kind === 'per_mille') return value / 10;
  return value;
}

/** Which row a key goes to, from row `here` of `many`; nothing: it is no such key. */
export function walked(event: Pick<KeyboardEvent, 'key' | 'metaKey' | 'ctrlKey'>, here: number, many: number): number | undefined {
  if (event.metaKey || event.ctrlKey) return undefined;
  const steps: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, j: here + 1, k: here - 1, Home: 0, End: many - 1, PageDown: here + 10, PageUp: here - 10 };
  const target = steps[event.key];
  return target === undefined ? undefined : Math.max(0, Math.min(many - 1, target));
}
