// What somebody has typed and not saved yet, wherever on the site: the browser asks before it is lost.

class Edits {
  #held = new Set<symbol>();

  constructor() {
    if (typeof window !== 'undefined') window.addEventListener('beforeunload', (event) => this.any && event.preventDefault());
  }

  /** Whether there are any. */
  get any(): boolean {
    return this.#held.size > 0;
  }

  /** There are some; returns how to say that they are saved or given up. */
  hold(): () => void {
    const own = Symbol();
    this.#held.add(own);
    return () => this.#held.delete(own);
  }
}

export const edits = new Edits();
