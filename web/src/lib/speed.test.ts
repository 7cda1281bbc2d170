// Speeds as `torod usage --requests` tells them.
import { describe, expect, it } from 'vitest';
import type { UsageRequest } from '../api/types';
import { speeds } from './speed';

describe('speeds', () => {
  const counts = { input_uncached: 300, cache_read: 100, cache_write_5m: 0, cache_write_1h: 0, output: 50, reasoning: 0 };
  const stream = { outcome: 'ok', stream: true, first_byte_us: 200_000, total_us: 1_200_000, counts } as UsageRequest['attempts'][number];
  it('are those of a stream', () => expect(speeds(stream)).toEqual({ read: 2_000, written: 50 }));
  it('are those that the provider tells, where it does', () => expect(speeds({ ...stream, prompt_us: 100_000, generation_us: 500_000 })).toEqual({ read: 4_000, written: 100 }));
  it('are not told where nothing is known', () => {
    expect(speeds({ ...stream, stream: false })).toEqual({});
    expect(speeds({ ...stream, outcome: 'cut' })).toEqual({});
    expect(speeds({ ...stream, total_us: 200_500 })).toEqual({ read: 2_000 });
  });
});
