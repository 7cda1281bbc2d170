// The playground's conversation: it asks the data plane as a client does, with a token of its own that is taken back at the end.
import { post } from '../api/client';
import { Problem, unreachable } from '../api/problem';
import { Events, asked, errorOf, read, type Turn, type Wish } from '../lib/play';
import { session } from './session.svelte';

/** What is known of an answer. */
export interface Told {
  model: string;
  thought: string;
  firstMs?: number;
  tookMs?: number;
  input?: number | undefined;
  output?: number | undefined;
  provider?: string | undefined;
  request?: string | undefined;
}

function takeBack(id: string): void {
  void fetch(`/admin/api/tokens/${id}?reason=finished`, { method: 'DELETE', keepalive: true }).catch(() => undefined);
}

export class Player {
  turns = $state<Turn[]>([]);
  /** By the turn that it belongs to. */
  told = $state<Record<number, Told>>({});
  isBusy = $state(false);
  #token: { id: string; key: string; endsMs: number } | undefined;
  #running: AbortController | undefined;
  #isOver = false;

  async #key(): Promise<string> {
    if (this.#token && this.#token.endsMs > Date.now() + 60_000) return this.#token.key;
    const lifeMs = 3_600_000;
    const made = await post('/admin/api/tokens', { body: { name: `playground of ${session.me?.name ?? 'somebody'}`, role: 'inferrer', ttl_ms: lifeMs, limits: { budgets: [{ unit: 'usd_nanos', limit: 1_000_000_000 }] }, labels: { via: 'playground' } } });
    // Whoever left while it was made must not leave it behind.
    if (this.#isOver) {
      takeBack(made.id);
      throw new DOMException('The page was left.', 'AbortError');
    }
    this.#token = { id: made.id, key: made.key, endsMs: Date.now() + lifeMs };
    return made.key;
  }

  /** Says something; resolves when the answer has ended. False: it was stopped before it began, and nothing was said. */
  async send(text: string, wish: Omit<Wish, 'turns'>): Promise<boolean> {
    this.isBusy = true;
    const running = (this.#running = new AbortController());
    const before = $state.snapshot(this.turns);
    this.turns.push({ role: 'user', text });
    const at = this.turns.push({ role: 'assistant', text: '' }) - 1;
    this.told[at] = { model: wish.model, thought: '' };
    try {
      await this.#ask(at, { ...wish, turns: [...before, { role: 'user', text }] }, running.signal);
      return true;
    } catch (thrown) {
      // What was said stays in the field of the next try; an answer that never began is no turn.
      const hasBegun = Boolean(this.turns[at]?.text);
      if (!hasBegun) this.turns = this.turns.slice(0, at - 1);
      if (running.signal.aborted) return hasBegun;
      throw thrown;
    } finally {
      this.isBusy = false;
    }
  }

  async #ask(at: number, wish: Wish, signal: AbortSignal): Promise<void> {
    const key = await this.#key();
    const { path, body } = asked(wish);
    const began = performance.now();
    const told = this.told[at]!;
    const answer = await fetch(path, { method: 'POST', signal, credentials: 'omit', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify(body) }).catch((thrown: unknown) => {
      if (signal.aborted) throw thrown;
      throw unreachable();
    });
    told.request = answer.headers.get('x-request-id') ?? undefined;
    told.provider = answer.headers.get('x-tokenrouter-provider') ?? undefined;
    told.model = answer.headers.get('x-tokenrouter-model') ?? wish.model;
    if (!answer.ok) {
      const text = await answer.text();
      let message: string | undefined;
      try {
        message = errorOf(JSON.parse(text));
      } catch {
        message = text.slice(0, 300);
      }
      throw new Problem(answer.status, 'refused', message ?? `The answer was ${answer.status}.`, '', told.request);
    }
    if (answer.headers.get('content-type')?.includes('event-stream') && answer.body) {
      const events = new Events();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        for (const data of events.take(part.value)) this.#add(at, wish, JSON.parse(data), began);
      }
    } else this.#add(at, wish, await answer.json(), began);
    told.tookMs = performance.now() - began;
  }

  #add(at: number, wish: Wish, body: Record<string, unknown>, began: number): void {
    const piece = read(wish.protocol, body);
    const [turn, told] = [this.turns[at], this.told[at]];
    if (!turn || !told) return;
    if (piece.text || piece.thought) told.firstMs ??= performance.now() - began;
    turn.text += piece.text ?? '';
    told.thought += piece.thought ?? '';
    told.input = piece.input ?? told.input;
    told.output = piece.output ?? told.output;
    if (piece.error) throw new Problem(0, 'broken_off', piece.error, '', told.request);
  }

  stop(): void {
    this.#running?.abort();
  }

  clear(): void {
    this.turns = [];
    this.told = {};
  }

  /** The page is left for good. */
  leave(): void {
    this.#isOver = true;
    this.end();
  }

  /** Takes the token back, also while the page goes away. */
  end(): void {
    this.stop();
    const id = this.#token?.id;
    this.#token = undefined;
    if (id) takeBack(id);
  }
}
