// Something that was asked of the gateway: the last answer stays in view while the next one is on its way.
import { untrack } from 'svelte';
import { asProblem, type Problem } from '../api/problem';
import { router } from './router.svelte';

/** What a question came to. */
export class Resource<T> {
  data = $state.raw<T>();
  problem = $state.raw<Problem>();
  /** A question is under way. */
  isBusy = $state(false);
  /** When the last question is answered, called off or failed. */
  answered: Promise<void> = Promise.resolve();
  #ask: (signal: AbortSignal) => Promise<T>;
  #running: AbortController | undefined;

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
  }

  /** There is nothing to show yet. */
  get isFirst(): boolean {
    return this.data === undefined && this.problem === undefined;
  }

  /** Asks (again). A question before this one is called off. */
  async reload(): Promise<void> {
    this.#running?.abort();
    const own = (this.#running = new AbortController());
    this.isBusy = true;
    try {
      const data = await this.#ask(own.signal);
      if (own.signal.aborted) return;
      this.data = data;
      this.problem = undefined;
    } catch (thrown) {
      if (own.signal.aborted) return;
      this.problem = asProblem(thrown);
    } finally {
      if (!own.signal.aborted) this.isBusy = false;
    }
  }

  /** Calls off what is under way. */
  stop(): void {
    this.#running?.abort();
  }
}

/** Asks now and whenever what the question reads has changed. Within a component. */
export function resource<T>(ask: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const one = new Resource(ask);
  // Before there is anything to see, so that the question is on its way while the page is drawn.
  $effect.pre(() => {
    // `ask` reads its state before it first waits, so that the effect knows what it hangs on.
    one.answered = one.reload();
    return () => one.stop();
  });
  return one;
}

/** A list page by page: `more()` adds the next one below. */
export class Pages<R> extends Resource<{ rows: R[]; next: string | null }> {
  /** How many pages are asked again when a list follows what happens; who looks deeper is left alone. */
  static readonly DEEPEST = 5;
  static readonly FARTHEST = 20;
  #page: (cursor: string | undefined, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>;
  #depth = 1;
  #begin = 1;
  #adding: AbortController | undefined;
  #isRefreshing = false;

  constructor(ask: (cursor: string | undefined, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>) {
    super(async (signal) => {
      let page = await ask(undefined, signal);
      const rows = [...page.rows];
      for (let at = 1; at < this.#depth && page.next !== null; at++) {
        page = await ask(page.next, signal);
        rows.push(...page.rows);
      }
      return { rows, next: page.next };
    });
    this.#page = ask;
  }

  /** How many pages are loaded. */
  get depth(): number {
    return this.#depth;
  }

  /** Has the first question be asked as deep as somebody had looked who comes back. */
  begin(depth: number): void {
    this.#begin = Math.max(1, Math.min(depth, Pages.FARTHEST));
  }

  get rows(): R[] {
    return this.data?.rows ?? [];
  }

  /** Whether there are more. */
  get hasMore(): boolean {
    return Boolean(this.data?.next);
  }

  override stop(): void {
    super.stop();
    this.#adding?.abort();
  }

  /** Another question: from its beginning. */
  override async reload(): Promise<void> {
    this.#depth = this.#begin;
    this.#begin = 1;
    this.#adding?.abort();
    await super.reload();
  }

  /** The same question again after a change of one's own, however deep somebody has looked. */
  async again(): Promise<void> {
    this.#adding?.abort();
    await super.reload();
  }

  /** The same question again, as deep as somebody has looked, so that no row vanishes from under them. */
  async refresh(): Promise<void> {
    if (this.isBusy || this.#depth > Pages.DEEPEST) return;
    this.#isRefreshing = true;
    await super.reload();
    this.#isRefreshing = false;
  }

  async more(): Promise<void> {
    const before = this.data;
    if (!before?.next || this.#adding || (this.isBusy && !this.#isRefreshing)) return;
    // Whoever wants more does not wait for what is only asked again.
    super.stop();
    const own = (this.#adding = new AbortController());
    this.isBusy = true;
    try {
      const page = await this.#page(before.next, own.signal);
      if (own.signal.aborted) return;
      this.data = { rows: [...before.rows, ...page.rows], next: page.next };
      this.#depth++;
    } catch (thrown) {
      if (!own.signal.aborted) this.problem = asProblem(thrown);
    } finally {
      this.#adding = undefined;
      if (!own.signal.aborted) this.isBusy = false;
    }
  }
}

/** The same as `resource` for a list; `follow` reads what has the same rows asked again, such as `live.figures`. */
export function pages<R>(ask: (cursor: string | undefined, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>, follow?: () => unknown): Pages<R> {
  const one = new Pages(ask);
  one.begin(router.keep('pages', () => one.depth));
  $effect.pre(() => {
    void one.reload();
    return () => one.stop();
  });
  let isFirst = true;
  $effect(() => {
    if (!follow) return;
    follow();
    if (!isFirst) untrack(() => void one.refresh());
    isFirst = false;
  });
  return one;
}
