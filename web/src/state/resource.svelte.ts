// Something that was asked of the gateway: the last answer stays in view while the next one is on its way.
import { asProblem, type Problem } from '../api/problem';

/** What a question came to. */
export class Resource<T> {
  data = $state.raw<T>();
  problem = $state.raw<Problem>();
  /** A question is under way. */
  isBusy = $state(false);
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
  $effect(() => {
    // `ask` reads its state before it first waits, so that the effect knows what it hangs on.
    void one.reload();
    return () => one.stop();
  });
  return one;
}

/** A list page by page: `more()` adds the next one below. */
export class Pages<R> extends Resource<{ rows: R[]; next: string | null }> {
  #more: (cursor: string, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>;

  constructor(ask: (cursor: string | undefined, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>) {
    super((signal) => ask(undefined, signal));
    this.#more = ask;
  }

  get rows(): R[] {
    return this.data?.rows ?? [];
  }

  /** Whether there are more. */
  get hasMore(): boolean {
    return Boolean(this.data?.next);
  }

  async more(): Promise<void> {
    const before = this.data;
    if (!before?.next || this.isBusy) return;
    this.isBusy = true;
    try {
      const page = await this.#more(before.next, new AbortController().signal);
      if (this.data === before) this.data = { rows: [...before.rows, ...page.rows], next: page.next };
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.isBusy = false;
    }
  }
}

/** The same as `resource` for a list. */
export function pages<R>(ask: (cursor: string | undefined, signal: AbortSignal) => Promise<{ rows: R[]; next: string | null }>): Pages<R> {
  const one = new Pages(ask);
  $effect(() => {
    void one.reload();
    return () => one.stop();
  });
  return one;
}
