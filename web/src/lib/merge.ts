// Edits on top of what somebody else changed meanwhile.

/** A form that began as `was`, with its edits, over what is there `now`: a field that was not touched is as others have it. */
export function merged<D extends object>(draft: D, was: D, now: D): D {
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const inner = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
  const fields = Object.keys(now).map((name) => {
    const [mine, before, theirs] = [draft, was, now].map((one) => (one as Record<string, unknown>)[name]);
    if (inner(mine) && inner(before) && inner(theirs)) return [name, merged(mine, before, theirs)];
    return [name, same(mine, before) ? theirs : mine];
  });
  return Object.fromEntries(fields) as D;
}
