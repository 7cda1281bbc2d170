// Finding by some letters of a name: whole words before beginnings before letters in between.

/** How well `typed` fits, the less the better; nothing: not at all. */
export function distance(text: string, typed: string): number | undefined {
  const [hay, needle] = [text.toLowerCase(), typed.trim().toLowerCase()];
  if (!needle) return 0;
  const at = hay.indexOf(needle);
  if (at === 0) return 0;
  if (at > 0) return hay[at - 1] === ' ' ? 1 : 2;
  let from = 0;
  for (const letter of needle) {
    from = hay.indexOf(letter, from) + 1;
    if (from === 0) return undefined;
  }
  return 3 + from / 100;
}

/** Those that fit, the best first, others in their order. */
export function rank<T>(all: readonly T[], typed: string, text: (one: T) => string): T[] {
  return all
    .map((one, at) => ({ one, at, far: distance(text(one), typed) }))
    .filter((entry): entry is { one: T; at: number; far: number } => entry.far !== undefined)
    .sort((a, b) => a.far - b.far || a.at - b.at)
    .map(({ one }) => one);
}
