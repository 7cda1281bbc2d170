// Where we are: the path and the query are the state of a page, so that every view is a link.
import { onDestroy } from 'svelte';

const BASE = '/admin';

class Router {
  /** Behind `/admin`, such as `/access`; `/` is the first page. */
  path = $state('/');
  /** What the page was asked. */
  query = $state.raw(new URLSearchParams());
  /** Asked before a page is left; false: stay. */
  #guards = new Set<() => boolean>();
  /** What was looked at in each entry of the history when it was left, and how that is read. */
  #left = new Map<number, Map<string, number>>();
  #readers = new Map<string, () => number>([['top', () => window.scrollY]]);
  #entry = 0;
  #found: Map<string, number> | undefined;

  constructor() {
    if (typeof window === 'undefined') return;
    this.#read();
    // Rows come later than the browser would scroll.
    history.scrollRestoration = 'manual';
    this.#entry = history.state?.entry ?? 0;
    window.addEventListener('popstate', () => this.#back());
    document.addEventListener('click', (event) => this.#click(event));
  }

  #read(): void {
    const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : '/';
    this.path = path.replace(/\/+$/, '') || '/';
    this.query = new URLSearchParams(location.search);
  }

  /** By the browser's own buttons; who would lose edits by it may stay. */
  #back(): void {
    const [here, query] = [BASE + (this.path === '/' ? '' : this.path), this.query.toString()];
    if (location.pathname.replace(/\/+$/, '') !== here && this.mustStay()) history.pushState({ entry: this.#entry }, '', here + (query ? `?${query}` : ''));
    else {
      this.#leave(history.state?.entry ?? 0);
      this.#found = this.#left.get(this.#entry);
      this.#read();
    }
  }

  /** Goes on to another entry of the history. */
  #leave(entry: number): void {
    this.#left.set(this.#entry, new Map([...this.#readers].map(([name, read]) => [name, read()])));
    this.#found = undefined;
    this.#entry = entry;
  }

  /** What `name` was when this entry was left, once; 0 for who did not come back to it. */
  found(name: string): number {
    const value = this.#found?.get(name) ?? 0;
    this.#found?.delete(name);
    return value;
  }

  /** The same within a component that has it read when the entry is left. */
  keep(name: string, read: () => number): number {
    while (this.#readers.has(name)) name += '+';
    this.#readers.set(name, read);
    onDestroy(() => void this.#readers.delete(name));
    return this.found(name);
  }

  /** Whether somebody stays, since edits would be lost. */
  mustStay(): boolean {
    return [...this.#guards].some((guard) => !guard());
  }

  /** Links within the site change the page and load nothing. */
  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return;
    if (link.pathname.startsWith(`${BASE}/api/`)) return;
    event.preventDefault();
    this.go(link.pathname.slice(BASE.length) + link.search);
  }

  /** Goes to a page such as `/access?q=x`. */
  go(to: string, options: { replace?: boolean } = {}): void {
    const url = BASE + (to.startsWith('/') ? to : `/${to}`);
    const isOtherPage = new URL(url, location.origin).pathname !== location.pathname;
    if (isOtherPage && this.mustStay()) return;
    if (!options.replace) this.#leave(this.#entry + 1);
    history[options.replace ? 'replaceState' : 'pushState']({ entry: this.#entry }, '', url);
    this.#read();
  }

  /** Changes some words of the query; null takes one out. */
  set(words: Record<string, string | string[] | null | undefined>, options: { push?: boolean } = {}): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(words)) {
      query.delete(name);
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== null && one !== undefined) query.append(name, one);
      }
    }
    const text = query.toString();
    if (text === this.query.toString()) return;
    this.go(`${this.path}${text ? `?${text}` : ''}`, { replace: !options.push });
  }

  /** One word of the query. */
  word(name: string): string | undefined {
    return this.query.get(name) ?? undefined;
  }

  /** Has `guard` asked before the page is left; returns how to stop that. */
  guard(guard: () => boolean): () => void {
    this.#guards.add(guard);
    return () => this.#guards.delete(guard);
  }
}

export const router = new Router();

/** The address of a page, for links. What is empty is left out, but for what stands in a list: there it is a filter, and means none. */
export function to(path: string, query: Record<string, string | (string | number)[] | number | null | undefined> = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && (one !== '' || Array.isArray(value))) words.append(name, String(one));
    }
  }
  const text = words.toString();
  return BASE + (path === '/' ? '' : path) + (text ? `?${text}` : '');
}
