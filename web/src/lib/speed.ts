// How fast an attempt read and wrote: by the provider's own times, else by those of a stream that ended well.
import type { UsageRequest } from '../api/types';

/** A stream that was written within this time, or began within it, says nothing of that speed; as torod has it. */
const SHORTEST_US = 100_000;
type Attempt = UsageRequest['attempts'][number];

/** LLM tokens a second; none where nothing is known. */
export function speeds(attempt: Attempt): { read?: number; written?: number } {
  const { input_uncached, cache_read, cache_write_5m, cache_write_1h, output } = attempt.counts;
  const seen = attempt.stream && attempt.outcome === 'ok' ? (attempt.first_byte_us ?? undefined) : undefined;
  const of = (tokens: number, told?: number | null, us?: number): number | undefined => {
    const took = told ?? (us !== undefined && us >= SHORTEST_US ? us : undefined);
    return tokens > 0 && took ? (tokens * 1_000_000) / took : undefined;
  };
  const read = of(input_uncached + cache_read + cache_write_5m + cache_write_1h, attempt.prompt_us, seen);
  const written = of(output, attempt.generation_us, seen === undefined ? undefined : attempt.total_us - seen);
  return { ...(read === undefined ? {} : { read }), ...(written === undefined ? {} : { written }) };
}
