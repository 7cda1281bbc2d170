// Who is signed in, and what happens when that ends while a page is open.
import type { Me } from '../api/types';
import { edits } from './edits.svelte';

/** How the first token can be made: by whoever is on the machine, with a code, or not any more. */
export type Door = 'open' | 'code' | 'closed';

class Session {
  /** Who is signed in. */
  me = $state<Me>();
  /** How the first token can be made. */
  door = $state<Door>('closed');
  /** The session ended under a page: somebody is asked to sign in over it. */
  isLost = $state(false);
  #waiting: ((isBack: boolean) => void)[] = [];

  get isAdmin(): boolean {
    return this.me?.role === 'admin';
  }

  get isKeymaster(): boolean {
    return this.me?.role === 'admin' || this.me?.role === 'keymaster';
  }

  /** Waits until somebody has signed in again; false: nobody will. */
  renewed(): Promise<boolean> {
    if (!this.me) return Promise.resolve(false);
    this.isLost = true;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Somebody signed in. Whoever waited goes on. If it is somebody else, nothing of the page is theirs, but for edits of whoever may do the same. */
  begin(me: Me): void {
    const isOther = this.me !== undefined && this.me.id !== me.id;
    if (isOther && !(edits.any && this.me?.role === me.role)) {
      location.reload();
      return;
    }
    this.me = me;
    this.#end(true);
  }

  /** Nobody is signed in any more. */
  leave(): void {
    this.me = undefined;
    this.#end(false);
  }

  #end(isBack: boolean): void {
    this.isLost = false;
    for (const resolve of this.#waiting.splice(0)) resolve(isBack);
  }
}

export const session = new Session();
