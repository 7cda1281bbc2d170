// Rows of a report over time as a chart wants them: one time axis, a column for each group, and one of the rest.

/** One stretch of time of one group. */
export interface Point {
  key: string;
  at_ms: number;
  value: number;
}

/** The key under which everything beyond the shown groups is added up. */
export const REST = '\u0000rest';

/** Columns of the `most` greatest groups along the stretches of `whole`, in falling order, and what is left of the whole. */
export function columns(points: Point[], whole: { at_ms: number; value: number }[], most = 7): { key: string; values: number[] }[] {
  const sums = new Map<string, number>();
  for (const point of points) sums.set(point.key, (sums.get(point.key) ?? 0) + point.value);
  const order = [...sums].filter(([, sum]) => sum > 0).sort((a, b) => b[1] - a[1]).slice(0, most).map(([key]) => key);
  const at = new Map(whole.map((stretch, index) => [stretch.at_ms, index]));
  const made = new Map(order.map((key) => [key, new Array<number>(whole.length).fill(0)]));
  const rest = whole.map((stretch) => stretch.value);
  for (const point of points) {
    const index = at.get(point.at_ms);
    const values = made.get(point.key);
    if (index === undefined || !values) continue;
    values[index] = (values[index] ?? 0) + point.value;
    rest[index] = Math.max(0, (rest[index] ?? 0) - point.value);
  }
  const all = [...made].map(([key, values]) => ({ key, values }));
  // What is charged between the two questions is no group of its own.
  const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
  if (sum(rest) > sum(whole.map((stretch) => stretch.value)) * 0.002) all.push({ key: REST, values: rest });
  return all;
}

/** Each series on top of those before it. */
export function stacked(series: number[][]): number[][] {
  const below = new Array<number>(series[0]?.length ?? 0).fill(0);
  return series.map((values) => values.map((value, index) => (below[index] = (below[index] ?? 0) + value)));
}
