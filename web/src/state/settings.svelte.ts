// Edits of settings: a draft beside the file, kept through reloads and lost sessions, saved all at once, and compared when somebody else was faster.
import { get, patch } from '../api/client';
import { asProblem, type Problem } from '../api/problem';
import type { Setting, SettingValue } from '../api/types';
import { same, typedOf, valueOf, type Typed } from '../lib/setting';
import { live } from './live.svelte';
import { resource } from './resource.svelte';

/** What somebody else set where we meant to set something too. */
export interface Clash { key: string; before: Setting['value']; theirs: Setting['value'] }

export class SettingsForm {
  /** What was typed, by key; a key that is not here is as the file has it. */
  typed = $state<Record<string, Typed>>({});
  clashes = $state.raw<Clash[]>([]);
  problem = $state.raw<Problem>();
  isBusy = $state(false);
  #changes = $state(0);
  /** What a key had when its edit began. */
  #begun: Record<string, Setting['value']> = {};
  asked = resource((signal) => {
    void this.#changes;
    return get('/admin/api/settings', { signal });
  });

  constructor() {
    $effect(() => live.on('config', () => this.#changes++));
  }

  get all(): Setting[] {
    return this.asked.data?.settings ?? [];
  }

  /** What is to be sent: only what differs from the file. */
  get edits(): { setting: Setting; value: SettingValue | null; fault?: string }[] {
    return this.all.flatMap((setting) => {
      const typed = this.typed[setting.key];
      if (typed === undefined) return [];
      const read = valueOf(setting, typed);
      if ('fault' in read) return [{ setting, value: null, fault: read.fault }];
      const wanted = read.value === null ? (setting.default ?? null) : read.value;
      return same(wanted, setting.value) ? [] : [{ setting, value: read.value }];
    });
  }

  shown(setting: Setting): Typed {
    return this.typed[setting.key] ?? typedOf(setting);
  }

  type(setting: Setting, typed: Typed): void {
    if (!(setting.key in this.typed)) this.#begun[setting.key] = setting.value;
    this.typed[setting.key] = typed;
  }

  /** As the file has it again. */
  undo(key: string): void {
    delete this.typed[key];
    delete this.#begun[key];
    this.clashes = this.clashes.filter((clash) => clash.key !== key);
  }

  undoAll(): void {
    this.typed = {};
    this.#begun = {};
    this.clashes = [];
    this.problem = undefined;
  }

  /** Sends all of it; it holds, or nothing of it. Answers what is in force since. */
  async save(): Promise<{ changed: string[]; at_restart: string[] } | undefined> {
    this.isBusy = true;
    this.problem = undefined;
    try {
      // A version that was read while edits were under way would hide what somebody else set: these are looked for first.
      this.#look();
      if (this.clashes.length > 0) return undefined;
      const set = Object.fromEntries(this.edits.map(({ setting, value }) => [setting.key, value]));
      const done = await patch('/admin/api/settings', { body: { set }, version: this.asked.data?.version ?? '*' });
      this.undoAll();
      await this.asked.reload();
      return done;
    } catch (thrown) {
      const problem = asProblem(thrown);
      this.problem = problem;
      if (problem.isStale) {
        await this.asked.reload();
        this.#look();
        if (this.clashes.length === 0) this.problem = undefined;
        // Nothing that we meant to change was changed by others: both hold.
        if (this.clashes.length === 0 && this.edits.length > 0) return await this.save();
      }
      return undefined;
    } finally {
      this.isBusy = false;
    }
  }

  /** Ours shall hold. */
  keep(key: string): void {
    const setting = this.all.find((one) => one.key === key);
    this.#begun[key] = setting?.value;
    this.clashes = this.clashes.filter((clash) => clash.key !== key);
  }

  #look(): void {
    this.clashes = this.edits.flatMap(({ setting }) => (same(this.#begun[setting.key], setting.value) ? [] : [{ key: setting.key, before: this.#begun[setting.key], theirs: setting.value }]));
  }
}
