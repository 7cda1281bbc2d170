// Things with a parent, in the order of a tree: each right behind the one it lies below.

/** Rows with how deep they lie. What has no parent here, or one that was not loaded, lies on top. */
export function tree<T>(rows: readonly T[], id: (row: T) => string, parent: (row: T) => string | null | undefined): { row: T; depth: number }[] {
  const known = new Set(rows.map(id));
  const below = new Map<string, T[]>();
  const tops: T[] = [];
  for (const row of rows) {
    const above = parent(row);
    if (!above || !known.has(above) || above === id(row)) tops.push(row);
    else below.set(above, [...(below.get(above) ?? []), row]);
  }
  const told: { row: T; depth: number }[] = [];
  const seen = new Set<string>();
  const walk = (row: T, depth: number): void => {
    if (seen.has(id(row))) return;
    seen.add(id(row));
    told.push({ row, depth });
    for (const child of below.get(id(row)) ?? []) walk(child, depth + 1);
  };
  for (const top of tops) walk(top, 0);
  // A circle has no top: its rows come last rather than never.
  for (const row of rows) walk(row, 0);
  return told;
}
