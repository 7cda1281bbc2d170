// Every page: where it is, who may see it, and how it is loaded. A new page is a line here and a file beside.
import type { Component } from 'svelte';
import type { IconName } from '../lib/icons';

export interface Route {
  /** Behind `/admin`; `:id` stands for one part, which the page gets as `id`. */
  path: string;
  title: string;
  icon: IconName;
  /** The heading of the sidebar below which it stands; none: it is reached from other pages. */
  group?: 'Observe' | 'Models' | 'Control';
  needs: 'anybody' | 'keymaster' | 'admin';
  /** More words to find it by. */
  words?: string;
  load: () => Promise<{ default: Component<Record<string, string>> }>;
}

// Pages take nothing or the parts of their path, which are texts.
type Page = Promise<{ default: Component<Record<string, string>> }>;
const page = (loaded: Promise<unknown>): Page => loaded as Page;

export const routes: Route[] = [
  { path: '/', title: 'Overview', icon: 'overview', group: 'Observe', needs: 'keymaster', words: 'dashboard usage spend cost', load: () => page(import('./Overview.svelte')) },
  { path: '/requests', title: 'Requests', icon: 'requests', group: 'Observe', needs: 'keymaster', words: 'attempts rows export', load: () => page(import('./Requests.svelte')) },
  { path: '/requests/:id', title: 'Request', icon: 'requests', needs: 'keymaster', load: () => page(import('./Request.svelte')) },
  { path: '/runs', title: 'Runs & sessions', icon: 'runs', group: 'Observe', needs: 'anybody', words: 'agents toro sessions', load: () => page(import('./Runs.svelte')) },
  { path: '/runs/:id', title: 'Run', icon: 'runs', needs: 'anybody', load: () => page(import('./Run.svelte')) },
  { path: '/conversations', title: 'Conversations', icon: 'chat', group: 'Observe', needs: 'admin', words: 'talks prompts answers search capture', load: () => page(import('./Conversations.svelte')) },
  { path: '/conversations/:id', title: 'Conversation', icon: 'chat', needs: 'admin', load: () => page(import('./Conversation.svelte')) },
  { path: '/alerts', title: 'Alerts & quotas', icon: 'alert', group: 'Observe', needs: 'admin', words: 'limits webhooks firing', load: () => page(import('./Alerts.svelte')) },
  { path: '/log', title: 'Log', icon: 'log', group: 'Observe', needs: 'admin', words: 'lines tail errors', load: () => page(import('./Log.svelte')) },

  { path: '/models', title: 'Models', icon: 'models', group: 'Models', needs: 'admin', words: 'catalogue prices context capabilities', load: () => page(import('./Models.svelte')) },
  { path: '/playground', title: 'Playground', icon: 'play', needs: 'admin', words: 'try test chat', load: () => page(import('./Playground.svelte')) },
  { path: '/routing', title: 'Routing', icon: 'routing', group: 'Models', needs: 'admin', words: 'aliases profiles breaker explain fallback', load: () => page(import('./Routing.svelte')) },
  { path: '/providers', title: 'Providers', icon: 'providers', group: 'Models', needs: 'admin', words: 'credentials keys quotas health presets', load: () => page(import('./Providers.svelte')) },

  { path: '/access', title: 'Access', icon: 'access', group: 'Control', needs: 'keymaster', words: 'tokens keys budgets roles', load: () => page(import('./Access.svelte')) },
  { path: '/network', title: 'Network', icon: 'network', group: 'Control', needs: 'admin', words: 'listeners tls hosts proxies addresses', load: () => page(import('./Network.svelte')) },
  { path: '/audit', title: 'Audit', icon: 'audit', group: 'Control', needs: 'admin', words: 'who changed what trail history', load: () => page(import('./Audit.svelte')) },
  { path: '/settings', title: 'Settings', icon: 'settings', group: 'Control', needs: 'admin', words: 'configuration torod.toml limits', load: () => page(import('./Settings.svelte')) },
  { path: '/me', title: 'Me', icon: 'me', needs: 'anybody', words: 'account own budget usage sessions sign out', load: () => page(import('./Me.svelte')) },
];

const ranks = { anybody: 0, keymaster: 1, admin: 2 } as const;

/** Whether somebody of this role may see a page. */
export function maySee(route: Route, role: string | undefined): boolean {
  const rank = role === 'admin' ? 2 : role === 'keymaster' ? 1 : 0;
  return rank >= ranks[route.needs];
}

/** The page at a path, with the parts of it. */
export function find(path: string): { route: Route; words: Record<string, string> } | undefined {
  const parts = path.split('/');
  for (const route of routes) {
    const wanted = route.path.split('/');
    if (wanted.length !== parts.length) continue;
    const words: Record<string, string> = {};
    const fits = wanted.every((part, at) => {
      if (!part.startsWith(':')) return part === parts[at];
      try {
        words[part.slice(1)] = decodeURIComponent(parts[at] ?? '');
        return true;
      } catch {
        return false;
      }
    });
    if (fits) return { route, words };
  }
  return undefined;
}
