// The time, for all that says how long ago something was: one clock for the whole page.

class Now {
  /** Milliseconds since 1970; moves every ten seconds, and only while somebody looks. */
  ms = $state(Date.now());

  constructor() {
    if (typeof window === 'undefined') return;
    const tick = (): void => {
      if (!document.hidden) this.ms = Date.now();
    };
    setInterval(tick, 10_000);
    document.addEventListener('visibilitychange', tick);
  }
}

export const now = new Now();
