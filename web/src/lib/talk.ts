// What was said, made ready to be shown: places that a search found, code within texts, branches of a conversation.
import type { ExchangeView } from '../api/types';

export interface Piece {
  text: string;
  isFound: boolean;
}

/** `a [[b]] c` as pieces, those between the marks found. */
export function pieces(found: string): Piece[] {
  const told: Piece[] = [];
  let rest = found;
  while (rest) {
    const from = rest.indexOf('[[');
    const until = from < 0 ? -1 : rest.indexOf(']]', from);
    if (until < 0) break;
    if (from > 0) told.push({ text: rest.slice(0, from), isFound: false });
    told.push({ text: rest.slice(from + 2, until), isFound: true });
    rest = rest.slice(until + 2);
  }
  if (rest) told.push({ text: rest, isFound: false });
  return told;
}

export interface Block {
  kind: 'text' | 'code';
  text: string;
  lang: string;
}

/** A text with its fenced code apart; a fence that is not closed goes to the end. */
export function blocks(text: string): Block[] {
  const told: Block[] = [];
  let lines: string[] = [];
  let fence: { mark: string; lang: string } | undefined;
  const push = (): void => {
    const joined = lines.join('\n');
    if (fence || joined.trim()) told.push({ kind: fence ? 'code' : 'text', text: fence ? joined : joined.replace(/^\n+|\n+$/g, ''), lang: fence?.lang ?? '' });
    lines = [];
  };
  for (const line of text.split('\n')) {
    const match = /^\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/.exec(line);
    if (!fence && match) {
      push();
      fence = { mark: match[1] ?? '```', lang: match[2] ?? '' };
    } else if (fence && line.trim().startsWith(fence.mark) && line.trim().replaceAll(fence.mark[0] ?? '`', '') === '') {
      push();
      fence = undefined;
    } else lines.push(line);
  }
  push();
  return told;
}

/** JSON with line breaks; what is none stays as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The first line of a text, for what is folded. */
export function firstLine(text: string, most = 140): string {
  const line = text.trimStart().split('\n', 1)[0] ?? '';
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

/** The last requests of each branch, the first branch first: one where nothing forks. */
export function leaves(list: readonly ExchangeView[]): string[] {
  const continued = new Set(list.map((one) => one.continues).filter(Boolean));
  return list.filter((one) => !continued.has(one.request_id)).map((one) => one.request_id);
}

/** The requests that lead to `leaf`, the first one first. */
export function path(list: readonly ExchangeView[], leaf: string): ExchangeView[] {
  const known = new Map(list.map((one) => [one.request_id, one]));
  const told: ExchangeView[] = [];
  for (let one = known.get(leaf); one && !told.includes(one); one = one.continues ? known.get(one.continues) : undefined) told.push(one);
  return told.reverse();
}

export interface Hunk {
  has: 'both' | 'before' | 'after';
  lines: string[];
}

/** Lines side by side in runs. */
export function hunks(lines: readonly { has: 'both' | 'before' | 'after'; line: string }[]): Hunk[] {
  const told: Hunk[] = [];
  for (const { has, line } of lines) {
    const last = told.at(-1);
    if (last?.has === has) last.lines.push(line);
    else told.push({ has, lines: [line] });
  }
  return told;
}
