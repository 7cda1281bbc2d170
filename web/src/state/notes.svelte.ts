// Short notes in the corner: what was done, and what failed where no form can say it.
import { asProblem } from '../api/problem';

export interface Note {
  id: number;
  kind: 'good' | 'bad' | 'info';
  text: string;
  advice?: string | undefined;
}

class Notes {
  all = $state<Note[]>([]);
  #next = 1;

  /** Says that something was done. */
  good(text: string): void {
    this.#add({ kind: 'good', text }, 5_000);
  }

  info(text: string): void {
    this.#add({ kind: 'info', text }, 7_000);
  }

  /** Says that something failed; stays until it was read. */
  bad(thrown: unknown): void {
    const { message, advice } = asProblem(thrown);
    this.#add({ kind: 'bad', text: message, advice }, 20_000);
  }

  drop(id: number): void {
    this.all = this.all.filter((note) => note.id !== id);
  }

  #add(note: Omit<Note, 'id'>, forMs: number): void {
    const same = this.all.find((other) => other.text === note.text);
    if (same) this.drop(same.id);
    const id = this.#next++;
    this.all = [...this.all.slice(-3), { ...note, id }];
    setTimeout(() => this.drop(id), forMs);
  }
}

export const notes = new Notes();
