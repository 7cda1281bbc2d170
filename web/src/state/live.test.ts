// The live stream: figures follow it, it comes back by itself, and another version or a lost session is noticed.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Me } from '../api/types';
import { session } from './session.svelte';

/** A stream that tests speak through. */
class Stream {
  static all: Stream[] = [];
  isClosed = false;
  #listeners = new Map<string, ((event: { data: string }) => void)[]>();
  constructor(readonly url: string) {
    Stream.all.push(this);
  }
  addEventListener(name: string, listener: (event: { data: string }) => void): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }
  close(): void {
    this.isClosed = true;
  }
  tell(name: string, data: unknown = {}): void {
    for (const listener of this.#listeners.get(name) ?? []) listener({ data: JSON.stringify(data) });
  }
}
const now = (): Stream => Stream.all.at(-1)!;
const hello = (version = '1'): void => now().tell('hello', { version });

async function begun(): Promise<typeof import('./live.svelte').live> {
  const { live } = await import('./live.svelte');
  live.start();
  return live;
}

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  Stream.all = [];
  vi.stubGlobal('EventSource', Stream);
  vi.stubGlobal('document', { hidden: false, addEventListener: () => undefined, removeEventListener: () => undefined });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the stream', () => {
  beforeEach(async () => {
    (await import('./session.svelte')).session.begin({ id: 'tok_1', role: 'admin' } as Me);
  });

  it('is one stream with one listener for each event, however often somebody signs out and in', async () => {
    const { live } = await import('./live.svelte');
    for (let time = 0; time < 3; time++) {
      const stop = live.start();
      hello();
      if (time < 2) stop();
    }
    expect(Stream.all.map((one) => one.isClosed)).toEqual([true, true, false]);
    const before = live.figures;
    hello();
    expect(live.figures).toBe(before + 1);
  });
  it('has figures asked anew at once at the beginning, and then every five seconds at most', async () => {
    const live = await begun();
    hello();
    const before = live.figures;
    for (let at = 0; at < 20; at++) now().tell('usage', {});
    expect(live.figures).toBe(before);
    vi.advanceTimersByTime(5_000);
    expect(live.figures).toBe(before + 1);
    vi.advanceTimersByTime(60_000);
    expect(live.figures).toBe(before + 1);
  });

  it('comes back by itself; meanwhile pages ask every ten seconds', async () => {
    const live = await begun();
    hello();
    vi.advanceTimersByTime(5_000);
    now().tell('error');
    expect([live.state, now().isClosed]).toEqual(['off', true]);
    const before = live.figures;
    vi.advanceTimersByTime(1_000);
    expect(Stream.all.length).toBe(2);
    vi.advanceTimersByTime(10_000);
    expect(live.figures).toBe(before + 1);
    hello();
    expect([live.state, live.figures], 'what was missed is asked for at once').toEqual(['on', before + 2]);
    const after = live.figures;
    vi.advanceTimersByTime(30_000);
    expect(live.figures).toBe(after);
  });

  it('asks once more some time after the first greeting, not at once: what is shown was just asked for', async () => {
    const live = await begun();
    hello();
    expect(live.figures).toBe(0);
    vi.advanceTimersByTime(5_000);
    expect(live.figures).toBe(1);
  });

  it('waits longer after every failure, half a minute at most', async () => {
    await begun();
    for (let failure = 0; failure < 8; failure++) {
      now().tell('error');
      vi.advanceTimersByTime(30_000);
    }
    const streams = Stream.all.length;
    now().tell('error');
    vi.advanceTimersByTime(29_000);
    expect(Stream.all.length).toBe(streams);
    vi.advanceTimersByTime(1_000);
    expect(Stream.all.length).toBe(streams + 1);
  });

  it('tells of another version', async () => {
    const live = await begun();
    hello('1');
    now().tell('error');
    vi.advanceTimersByTime(1_000);
    hello('1');
    expect(live.isOtherVersion).toBe(false);
    now().tell('error');
    vi.advanceTimersByTime(2_000);
    hello('2');
    expect(live.isOtherVersion).toBe(true);
  });

  it('asks to sign in when the session is over', async () => {
    await begun();
    hello();
    now().tell('end', { why: 'session_over' });
    const { session: own } = await import('./session.svelte');
    expect([own.isLost, now().isClosed]).toEqual([true, true]);
  });

  it('asks for a topic only while somebody wants it', async () => {
    const live = await begun();
    expect(now().url).not.toContain('log');
    const end = live.topic('log');
    vi.advanceTimersByTime(0);
    expect(now().url).toContain('log');
    end();
    now().tell('error');
    vi.advanceTimersByTime(1_000);
    expect(now().url).not.toContain('log');
  });
});

it('is not opened before anybody is signed in', async () => {
  expect(session.me).toBeUndefined();
  await begun();
  expect(Stream.all).toEqual([]);
});
