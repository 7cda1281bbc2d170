// Addresses, problems, and a session that ends while a page is open.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { session } from '../state/session.svelte';
import { address, get, patch } from './client';
import { Problem } from './problem';
import type { Me } from './types';

const answer = (status: number, body?: unknown, headers: Record<string, string> = {}): Response => new Response(body === undefined ? null : JSON.stringify(body), { status, headers });
afterEach(() => {
  vi.unstubAllGlobals();
  session.leave();
});

describe('addresses', () => {
  it('keep every word a word', () => {
    expect(address('/admin/api/models/{id}', { id: 'a/b?c#d' })).toBe('/admin/api/models/a%2Fb%3Fc%23d');
    expect(address('/x', {}, { q: undefined, n: null, e: '', z: 0, b: false, l: ['a', ''] })).toBe('/x?z=0&b=false&l=a&l=');
  });
});

describe('problems', () => {
  it('are the words of the gateway', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(answer(412, { error: { code: 'stale', message: 'It changed.', advice: 'Look again.', version: '4' } })));
    await expect(patch('/admin/api/tokens/{which}', { path: { which: 'a' }, body: {}, version: 3 })).rejects.toMatchObject({ status: 412, code: 'stale', message: 'It changed.', advice: 'Look again.', isStale: true });
  });
  it('are sentences also where a proxy answers', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>Bad gateway</html>', { status: 502 })));
    await expect(get('/admin/api/me')).rejects.toSatisfy((problem: Problem) => problem.message.includes('502') && !problem.message.includes('<') && problem.advice !== '');
  });
  it('are sentences when nobody answers', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(get('/admin/api/me')).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('versions', () => {
  it('go along as If-Match', async () => {
    const seen: (string | undefined)[] = [];
    vi.stubGlobal('fetch', (_: string, init: { headers: Record<string, string> }) => {
      seen.push(init.headers['if-match']);
      return Promise.resolve(answer(200, {}));
    });
    for (const version of [3, '"x"', '*', undefined, null]) await patch('/admin/api/tokens/{which}', { path: { which: 'a' }, body: {}, version });
    expect(seen).toEqual(['"3"', '"x"', '*', undefined, undefined]);
  });
});

describe('a session that ends', () => {
  const me = { id: 'tok_1', name: 'a', role: 'admin' } as Me;
  it('is renewed, and the same call is made again with the same edits', async () => {
    session.begin(me);
    const bodies: unknown[] = [];
    vi.stubGlobal('fetch', (_: string, init: { body?: string }) => {
      bodies.push(init.body);
      return Promise.resolve(bodies.length === 1 ? answer(401, { error: { code: 'x', message: 'm', advice: 'a' } }) : answer(200, { ok: true }));
    });
    const call = patch('/admin/api/tokens/{which}', { path: { which: 'a' }, body: { name: 'kept' } });
    await vi.waitFor(() => expect(session.isLost).toBe(true));
    session.begin(me);
    await expect(call).resolves.toEqual({ ok: true });
    expect(bodies).toEqual(['{"name":"kept"}', '{"name":"kept"}']);
    expect(session.isLost).toBe(false);
  });
  it('is a problem where somebody leaves instead', async () => {
    session.begin(me);
    vi.stubGlobal('fetch', () => Promise.resolve(answer(401, { error: { code: 'login_required', message: 'm', advice: 'a' } })));
    const call = get('/admin/api/me');
    await vi.waitFor(() => expect(session.isLost).toBe(true));
    session.leave();
    await expect(call).rejects.toMatchObject({ status: 401 });
  });
  it('asks nobody before anybody is signed in', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(answer(401, { error: { code: 'x', message: 'm', advice: 'a' } })));
    await expect(get('/admin/api/me')).rejects.toMatchObject({ status: 401 });
    expect(session.isLost).toBe(false);
  });
});
