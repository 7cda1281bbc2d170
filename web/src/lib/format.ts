// Numbers, money and times as people read them; the exact value is a matter of the title that a part shows on hover.

const NANOS = 1_000_000_000;
const whole = new Intl.NumberFormat('en-US');

/** `1,234` below a hundred thousand, then `123k`, `1.23M`, `45.6B`. */
export function count(value: number): string {
  const size = Math.abs(value);
  if (size < 100_000) return whole.format(value);
  const units: [number, string][] = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k']];
  for (const [unit, letter] of units) {
    // What would round up to a thousand of a unit is one of the next.
    if (size >= unit * 0.9995) return `${three(value / unit)}${letter}`;
  }
  return whole.format(value);
}

/** Three digits that count, without noughts behind the point that say nothing. */
function three(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

/** The same in full: `12,345,678`. */
export function exact(value: number): string {
  return whole.format(value);
}

/** Nano-dollars as `$12.34`; small sums keep the digits that count: `$0.0042`. */
export function money(nanos: number): string {
  const sign = nanos < 0 ? '−' : '';
  const usd = Math.abs(nanos) / NANOS;
  if (usd === 0) return '$0';
  if (usd < 0.000_001) return `${sign}<$0.000001`;
  if (usd >= 999_500) return `${sign}$${count(usd)}`;
  if (usd >= 10_000) return `${sign}$${whole.format(Math.round(usd))}`;
  if (usd >= 0.995) return `${sign}$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  if (usd >= 0.0995) return `${sign}$${usd.toFixed(2)}`;
  const digits = Math.min(6, 1 - Math.floor(Math.log10(usd)));
  return `${sign}$${usd.toFixed(digits)}`;
}

/** Marks of an axis, in nano-dollars: `$0.05`, `$0.10`. */
export function moneyTicks(nanos: number[]): string[] {
  const step = Math.abs((nanos[1] ?? 0) - (nanos[0] ?? 0)) / NANOS;
  // Steps are 1, 2, 2.5 or 5 of some power of ten: only 2.5 needs one digit more.
  const power = step > 0 ? Math.floor(Math.log10(step) + 1e-9) : 0;
  const more = Math.round((step / 10 ** power) * 100) % 100 === 0 ? 0 : 1;
  const digits = step >= 1 || step === 0 ? 0 : Math.min(9, Math.max(2, more - power));
  return nanos.map((value) => (value === 0 ? '$0' : value / NANOS >= 10_000 ? `$${count(Math.round(value / NANOS))}` : `$${(value / NANOS).toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`));
}

/** All of it: `$12.345678901`. */
export function moneyExact(nanos: number): string {
  const sign = nanos < 0 ? '−' : '';
  const all = BigInt(Math.round(Math.abs(nanos)));
  const fraction = String(all % 1_000_000_000n).padStart(9, '0').replace(/0{1,7}$/, '');
  return `${sign}$${whole.format(all / 1_000_000_000n)}.${fraction}`;
}

/** US dollars for one million, as price lists have it. */
export function price(usd: number): string {
  return usd === 0 ? 'free' : `$${usd.toLocaleString('en-US', { minimumFractionDigits: usd < 0.1 ? 3 : 2, maximumFractionDigits: 4 })}`;
}

/** Thousandths as per cent: `12.3%`, and `0%` or `100%` only of exactly none or all. */
export function perMille(value: number): string {
  const percent = value / 10;
  if (percent > 0 && percent < 0.1) return '<0.1%';
  if (percent < 100 && percent > 99.9) return '>99.9%';
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)}%`;
}

/** A part of a whole: `12.3%`, and never `0%` of something or `100%` of less than all. */
export function share(part: number, all: number): string {
  if (all <= 0) return '–';
  const percent = (part / all) * 100;
  if (part > 0 && percent < 0.1) return '<0.1%';
  if (part < all && percent > 99.9) return '>99.9%';
  // Near either end a digit more tells it from all and from nothing.
  return `${percent.toFixed((percent < 10 && percent > 0) || (percent >= 99 && part < all) ? 1 : 0)}%`;
}

/** A length of time in microseconds: `840 µs`, `12 ms`, `1.42 s`, `3m 20s`. */
export function duration(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${us < 9_950 ? (us / 1_000).toFixed(1) : Math.round(us / 1_000)} ms`;
  if (us < 59_950_000) return `${(us / 1_000_000).toFixed(us < 9_995_000 ? 2 : 1)} s`;
  return span(us / 1_000);
}

/** A longer one in milliseconds, in its two greatest units: `3m 20s`, `2h 5m`, `4d 3h`. */
export function span(ms: number): string {
  const units: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'm'], [1, 's']];
  let seconds = Math.max(0, Math.round(ms / 1_000));
  const told: string[] = [];
  for (const [unit, letter] of units) {
    const many = Math.floor(seconds / unit);
    seconds -= many * unit;
    if (many > 0) told.push(`${many}${letter}`);
    else if (told.length > 0) break;
    if (told.length === 2) break;
  }
  return told.length > 0 ? told.join(' ') : '0s';
}

/** How far from now: `just now`, `4 min ago`, `in 3 h`, `2 days ago`; older than a month: the day. */
export function ago(ms: number, now: number): string {
  const away = Math.abs(now - ms);
  const units: [number, string][] = [[86_400_000, 'day'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's']];
  if (away < 5_000) return 'just now';
  if (away > 40 * 86_400_000) return day(ms);
  for (const [unit, word] of units) {
    if (away < unit * 0.995) continue;
    const many = Math.round(away / unit);
    const told = `${many} ${word}${word === 'day' && many !== 1 ? 's' : ''}`;
    return ms <= now ? `${told} ago` : `in ${told}`;
  }
  return 'just now';
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-21` by the clock of this browser. */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** `14:05:09` */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `2026-11-21 14:05:09 +01:00`: what is shown where somebody wants to know exactly. */
export function moment(ms: number): string {
  const off = -new Date(ms).getTimezoneOffset();
  const zone = `${off < 0 ? '−' : '+'}${two(Math.floor(Math.abs(off) / 60))}:${two(Math.abs(off) % 60)}`;
  return `${day(ms)} ${clock(ms)} ${zone}`;
}

/** `1.2 MB`, by thousands. */
export function bytes(value: number): string {
  return value < 1_000 ? `${value} B` : value < 999_500 ? `${three(value / 1e3)} kB` : value < 999_500_000 ? `${three(value / 1e6)} MB` : `${three(value / 1e9)} GB`;
}

/** `tokens`, `entries`. */
export const several = (one: string): string => (/[^aeiou]y$/.test(one) ? `${one.slice(0, -1)}ies` : /(s|x|ch|sh)$/.test(one) ? `${one}es` : `${one}s`);

/** `1 token`, `2 tokens`. */
export function plural(many: number, one: string, more = several(one)): string {
  return `${count(many)} ${many === 1 ? one : more}`;
}

/** By how much something rose, in thousandths of before: `+12%`, `−3.4%`, `×5`. */
export function change(now: number, before: number): string {
  if (before === 0) return now === 0 ? '0%' : 'new';
  const ratio = now / before;
  if (ratio >= 10) return `×${Math.round(ratio)}`;
  const percent = (ratio - 1) * 100;
  const size = Math.abs(percent);
  return `${percent < 0 ? '−' : '+'}${size < 10 && size > 0 ? size.toFixed(1) : Math.round(size)}%`;
}
