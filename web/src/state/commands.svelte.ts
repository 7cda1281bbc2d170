// What can be done from the palette: pages add their acts while they are open.
import { untrack } from 'svelte';
import type { IconName } from '../lib/icons';

export interface Command {
  title: string;
  icon: IconName;
  words?: string;
  act: () => void;
}

class Commands {
  all = $state.raw<Command[]>([]);

  /** Adds acts; returns how to take them away. */
  add(more: Command[]): () => void {
    this.all = [...this.all, ...more];
    return () => (this.all = this.all.filter((one) => !more.includes(one)));
  }
}

export const commands = new Commands();

/** The same for as long as the component is there. */
export function offer(more: Command[]): void {
  $effect(() => untrack(() => commands.add(more)));
}
