// Light, dark, or as the machine has it.

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'tokenrouter.theme';

class ThemeState {
  chosen = $state<Theme>('auto');
  /** Grows when colours change, for those who paint by themselves. */
  changes = $state(0);

  constructor() {
    if (typeof window === 'undefined') return;
    const kept = localStorage.getItem(KEY);
    if (kept === 'light' || kept === 'dark') this.chosen = kept;
    this.#show();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.changes++);
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    if (theme === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
    this.#show();
    this.changes++;
  }

  #show(): void {
    if (this.chosen === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.chosen;
  }
}

export const theme = new ThemeState();
