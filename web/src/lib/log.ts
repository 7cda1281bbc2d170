// Lines of the log: which fit what was asked for, and how new ones join those that are shown.
import type { Level, LogLine } from '../api/types';
import { csv } from './csv';

/** The most important first. */
export const LEVELS: Level[] = ['error', 'warn', 'info', 'debug', 'trace'];

/** How many lines a page holds; what is older is asked for again. */
export const MOST = 2_000;

/** Whether a line is of this importance or more. */
export const isAtLeast = (line: LogLine, level: Level): boolean => LEVELS.indexOf(line.level) <= LEVELS.indexOf(level);

/** New lines on top, each once, the newest first; the oldest go where there are too many. */
export function joined(shown: readonly LogLine[], more: readonly LogLine[]): LogLine[] {
  const newest = shown[0]?.id ?? -1;
  const fresh = more.filter((line) => line.id > newest).sort((a, b) => b.id - a.id);
  return fresh.length === 0 ? [...shown] : [...fresh, ...shown].slice(0, MOST);
}

/** The fields of a line as texts, those of the request's outcome first. */
export function fieldsOf(line: LogLine): [string, string][] {
  return Object.entries(line.fields ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}

/** Lines as a file. */
export function filed(lines: readonly LogLine[]): string {
  return csv(['When', 'Level', 'Part', 'Message', 'Request', 'Fields'], lines.map((line) => [new Date(line.at_ms).toISOString(), line.level, line.target, line.message, line.request_id, fieldsOf(line).map(([name, value]) => `${name}=${value}`).join(' ')]));
}
