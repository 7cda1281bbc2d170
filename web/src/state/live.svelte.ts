// What happens right now: one stream of events for the whole page, closed while nobody looks, and begun anew when it breaks.
import type { LiveEvent, LiveEvents } from '../api/live';
import { session } from './session.svelte';

type Listener<E extends LiveEvent> = (event: LiveEvents[E]) => void;
const EVENTS: LiveEvent[] = ['hello', 'usage', 'providers', 'quotas', 'alerts', 'log', 'config', 'missed', 'end'];
/** Without a stream pages ask anew this often. */
const POLL_MS = 10_000;
/** With one, figures are asked anew at most this often, however much happens. */
const SETTLE_MS = 5_000;

class Live {
  /** `on`: told at once; `off`: asked every ten seconds. */
  state = $state<'on' | 'off' | 'connecting'>('connecting');
  /** Somebody wants it quiet. */
  isPaused = $state(false);
  /** Grows when figures are worth asking for anew: a `resource` that reads it follows. */
  figures = $state(0);
  /** The gateway runs another version than this site was made for. */
  isOtherVersion = $state(false);
  firing = $state(0);
  unseen = $state(0);
  #version: string | undefined;
  #isFirst = true;
  #source: EventSource | undefined;
  #topics = new Map<string, number>();
  #listeners = new Map<LiveEvent, Set<Listener<never>>>();
  #settle: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #failures = 0;

  /** Begins, when somebody is signed in; returns how to end that, for when nobody is any more. */
  start(): () => void {
    const look = (): void => (document.hidden ? this.#close() : this.#open());
    const stops = [
      this.on('hello', (hello) => this.#hello(hello.version)),
      this.on('usage', () => this.#changed()),
      this.on('missed', () => this.#changed()),
      this.on('alerts', (event) => ({ firing: this.firing, unacknowledged: this.unseen } = event)),
      this.on('end', (event) => this.#end(event.why)),
    ];
    document.addEventListener('visibilitychange', look);
    this.#open();
    return () => {
      document.removeEventListener('visibilitychange', look);
      for (const stop of stops) stop();
      this.#close();
      this.#polling(false);
      clearTimeout(this.#settle);
      this.#settle = undefined;
      this.state = 'connecting';
      this.#isFirst = true;
      [this.firing, this.unseen] = [0, 0];
    };
  }

  /** Listens; returns how to stop that. */
  on<E extends LiveEvent>(event: E, listener: Listener<E>): () => void {
    const all = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, all);
    all.add(listener as Listener<never>);
    return () => all.delete(listener as Listener<never>);
  }

  /** Asks for a topic that is told on demand alone, such as `log`; returns how to end that. */
  topic(name: string): () => void {
    this.#topics.set(name, (this.#topics.get(name) ?? 0) + 1);
    if (this.#topics.get(name) === 1) this.#again(0);
    return () => {
      const left = (this.#topics.get(name) ?? 1) - 1;
      if (left > 0) this.#topics.set(name, left);
      else this.#topics.delete(name);
    };
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) this.#close();
    else this.#open();
  }

  #open(): void {
    if (this.#source || this.isPaused || document.hidden || !session.me) return;
    const base = session.isAdmin ? ['usage', 'providers', 'quotas', 'alerts', 'config'] : ['usage'];
    const topics = [...base, ...this.#topics.keys()].join(',');
    const source = (this.#source = new EventSource(`/admin/api/live?topics=${topics}`));
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        const data = JSON.parse((event as MessageEvent<string>).data) as never;
        for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<never>)(data);
      });
    }
    source.addEventListener('error', () => {
      this.state = 'off';
      this.#close();
      this.#polling(true);
      this.#again(Math.min(30_000, 1_000 * 2 ** this.#failures++));
    });
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
    clearTimeout(this.#retry);
  }

  #again(inMs: number): void {
    this.#close();
    this.#retry = setTimeout(() => this.#open(), inMs);
  }

  #hello(version: string): void {
    this.#failures = 0;
    this.state = 'on';
    this.#polling(false);
    if (this.#version && this.#version !== version) this.isOtherVersion = true;
    this.#version = version;
    // What was asked before the first stream was there is hardly older than it; after a break it is.
    if (this.#isFirst) this.#changed();
    else this.figures++;
    this.#isFirst = false;
  }

  #end(why: string): void {
    this.#close();
    this.state = 'off';
    if (why === 'session_over' || why === 'token_ended') void session.renewed().then((isBack) => isBack && this.#open());
    else if (why === 'stopping') this.#again(2_000);
    else this.#polling(true);
  }

  #changed(): void {
    if (this.#settle) return;
    this.#settle = setTimeout(() => {
      this.#settle = undefined;
      this.figures++;
    }, SETTLE_MS);
  }

  #polling(isOn: boolean): void {
    clearInterval(this.#poll);
    if (isOn) this.#poll = setInterval(() => !document.hidden && !this.isPaused && this.figures++, POLL_MS);
  }
}

export const live = new Live();
