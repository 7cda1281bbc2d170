// Spans that end now, for lists that are asked by times: one word in the address, milliseconds for the gateway.

const DAY_MS = 86_400_000;
/** What can be picked. */
export const SINCE: [string, string][] = [['1d', '24 hours'], ['7d', '7 days'], ['30d', '30 days'], ['all', 'All']];

/** From when on; nothing: from the beginning. Whole minutes, so that the same question stays the same question for a while. */
export function sinceMs(word: string | undefined, nowMs: number): number | undefined {
  const days = /^(\d{1,4})d$/.exec(word ?? '')?.[1];
  return days ? Math.floor((nowMs - Number(days) * DAY_MS) / 60_000) * 60_000 : undefined;
}
