// uPlot, set up for this site: stacked bars and lines in our colours, over the calendar of this browser.
import uPlot from 'uplot';
import { stacked } from './chart-data';
import { money, moneyTicks } from './format';

/** What a chart is made of. */
export interface Drawn {
  /** Seconds since 1970. */
  x: number[];
  series: { name: string; values: (number | null)[]; color: string }[];
  kind: 'bars' | 'lines';
  format: (value: number) => string;
}

/** A colour of tokens.css as it is now. */
export function color(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const told = getComputedStyle(probe).color;
  probe.remove();
  return told;
}

/** The data as uPlot takes it: of stacked bars the highest first, so that lower ones are painted over it. */
export function data(drawn: Drawn): uPlot.AlignedData {
  const values = drawn.series.map((series) => series.values);
  if (drawn.kind === 'lines') return [drawn.x, ...values] as uPlot.AlignedData;
  return [drawn.x, ...stacked(values as number[][]).reverse()] as uPlot.AlignedData;
}

/** What stands beside the marks of the value axis: sums of money have as many digits as their steps need, all the same. */
const ticks = (values: number[], format: (value: number) => string): string[] => (format === money ? moneyTicks(values) : values.map(format));

/** How often marks stand on the time axis, and what they say. */
function axis(text: string, grid: string, font: string): uPlot.Axis {
  return {
    stroke: text, font, gap: 6, size: 30, space: 72,
    grid: { show: false, stroke: grid },
    ticks: { show: true, stroke: grid, size: 4, width: 1 },
    values: [
      [3600 * 24 * 365, '{YYYY}', null, null, null, null, null, null, 1],
      [3600 * 24 * 28, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
      [3600 * 24, '{D} {MMM}', null, null, null, null, null, null, 1],
      [3600, '{HH}:{mm}', null, null, '{D} {MMM}', null, null, null, 0],
      [60, '{HH}:{mm}', null, null, '{D} {MMM}', null, null, null, 0],
      [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 0],
    ],
  };
}

/** What is told while somebody points at, or goes through, the chart. */
export interface Watched {
  /** Which stretch is under the pointer, and how far from the left; nothing: none. */
  point: (index: number | undefined, left: number) => void;
  /** A span was marked: from and until in seconds. */
  zoom: (from: number, until: number) => void;
}

/** A chart in `place`. `source` is asked for what changes without another shape: the moments and the values. */
export function plot(place: HTMLElement, source: () => Drawn, width: number, height: number, watched: Watched): uPlot {
  const drawn = source();
  const [text, grid, surface] = [color('--text-3'), color('--grid'), color('--surface')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const shown = drawn.kind === 'bars' ? [...drawn.series].reverse() : drawn.series;
  const step = (x: number[]): number => (x.length > 1 ? (x[1] ?? 0) - (x[0] ?? 0) : 3_600);
  const bars = uPlot.paths.bars?.({ size: [0.78, 26], align: 1, radius: 0 });
  const hasAny = (): boolean => source().series.some((series) => series.values.some((value) => (value ?? 0) > 0));
  const line = uPlot.paths.spline?.() ?? uPlot.paths.linear?.();
  const options: uPlot.Options = {
    width, height, padding: [12, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: drawn.kind === 'lines', size: 7 }, drag: { x: true, y: false, setScale: false }, focus: { prox: -1 } },
    scales: {
      x: { time: true, range: () => [source().x[0] ?? 0, (source().x.at(-1) ?? 1) + (drawn.kind === 'bars' ? step(source().x) : 0)] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      axis(text, grid, font),
      { stroke: text, font, gap: 6, size: (_, values) => Math.max(36, ...(values ?? []).map((value) => value.length * 6.6 + 14)), space: 36, grid: { stroke: grid, width: 1 }, ticks: { show: false }, values: (_, values) => (hasAny() ? ticks(values, drawn.format) : values.map((value) => (value === 0 ? drawn.format(0) : ''))) },
    ],
    series: [
      {},
      ...shown.map((series): uPlot.Series => drawn.kind === 'bars'
        ? { label: series.name, fill: series.color, stroke: surface, width: 0, points: { show: false }, ...(bars && { paths: bars }) }
        : { label: series.name, stroke: series.color, width: 1.75, spanGaps: true, points: { show: drawn.x.length < 3, size: 5, fill: series.color }, ...(line && { paths: line }) }),
    ],
    hooks: {
      setCursor: [(chart) => {
        const { idx, left } = chart.cursor;
        watched.point(idx === null || left === undefined || left < 0 ? undefined : idx, chart.over.offsetLeft + (left ?? 0));
      }],
      setSelect: [(chart) => {
        const { left, width: wide } = chart.select;
        if (wide > 6) watched.zoom(chart.posToVal(left, 'x'), chart.posToVal(left + wide, 'x'));
        chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
  return new uPlot(options, data(drawn), place);
}
