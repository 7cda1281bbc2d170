// Tables as files: loaded when somebody wants one.
import { csv, save } from './csv';
import { plain, type Column, type Kind } from './table';

/** The name of a column in a file, with the unit. */
export function plainTitle(title: string, kind: Kind | undefined): string {
  if (kind === 'money') return `${title} (USD)`;
  if (kind === 'duration') return `${title} (ms)`;
  return kind === 'per_mille' ? `${title} (%)` : title;
}

/** A table as a file. */
export function filed<R>(rows: readonly R[], columns: Column<R>[]): string {
  return csv(columns.map((column) => plainTitle(column.title, column.kind)), rows.map((row) => columns.map((column) => plain(column.value(row), column.kind))));
}

/** Has the browser keep a text, by a name with today's date. */
export function keep(name: string, text: string): void {
  save(`${name}-${new Date().toISOString().slice(0, 10)}.csv`, text);
}
