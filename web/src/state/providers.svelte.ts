// Providers with how they stand: asked once, then kept up to date by what the gateway tells.
import { get } from '../api/client';
import type { LiveProvider } from '../api/live';
import type { ProviderSummary, QuotaView } from '../api/types';
import { live } from './live.svelte';
import { pages, resource } from './resource.svelte';

/** What a list of providers is made of, while its component is there. */
export function providers(search: () => string) {
  let version = $state<string | null>(null);
  let found = $state.raw<ProviderSummary[]>([]);
  // What was told since the answer; by name.
  let told = $state<Record<string, LiveProvider>>({});
  let changes = $state(0);

  const list = pages<ProviderSummary>(async (cursor, signal) => {
    const page = await get('/admin/api/providers', { query: { q: search() || undefined, limit: 200, cursor }, signal });
    version = page.version ?? null;
    found = page.found;
    if (!cursor) told = {};
    return { rows: page.providers, next: page.next ?? null };
  }, () => changes);
  const quotas = resource(async (signal) => {
    void live.figures;
    const all: QuotaView[] = [];
    let cursor: string | undefined;
    do {
      const page = await get('/admin/api/quotas', { query: { limit: 500, cursor }, signal });
      all.push(...page.quotas);
      cursor = page.next ?? undefined;
    } while (cursor && all.length < 5_000);
    return all;
  });
  $effect(() => {
    const stops = [
      live.on('hello', () => changes++),
      live.on('config', () => changes++),
      live.on('missed', () => changes++),
      live.on('providers', (event) => {
        for (const one of event.providers) told[one.name] = one;
        if (event.gone.length > 0) changes++;
      }),
    ];
    return () => stops.forEach((stop) => stop());
  });
  const now = (one: ProviderSummary): ProviderSummary => {
    const news = told[one.name];
    return news ? { ...one, state: news.state, enabled: news.enabled, models: news.models ?? one.models ?? null } : one;
  };
  return {
    list,
    quotas,
    get version() { return version; },
    get rows() { return list.rows.map(now); },
    /** Found while the gateway runs; they stand in no file. */
    get found() { return found.map(now); },
    reload: () => void list.reload(),
  };
}

/** Of the limits of a provider's keys, the one of which least is left. */
export function nearest(quotas: readonly QuotaView[], provider: string): QuotaView | undefined {
  return quotas.filter((one) => one.provider === provider && one.left_permille !== null && one.left_permille !== undefined).sort((a, b) => (a.left_permille ?? 1000) - (b.left_permille ?? 1000))[0];
}
