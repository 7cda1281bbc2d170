// Aliases as a form holds them: targets by profile, in order; moved, added, and made into what the file takes.
import type { Body } from '../api/client';
import type { AliasDetail, AliasTarget } from '../api/types';

type AliasPut = Body<'/admin/api/aliases/{name}', 'put'>;
/** One target of the form; `id` tells it from the others while they are moved about. */
export interface TargetDraft { id: number; profile: string; provider: string; model: string; weight: string }
export interface AliasDraft { name: string; lossy: string; order: string; targets: TargetDraft[] }

let nextId = 1;
/** An empty target of a profile. */
export const target = (profile: string): TargetDraft => ({ id: nextId++, profile, provider: '', model: '', weight: '' });

/** The form of an alias, or of a new one. */
export function draftOf(alias: AliasDetail | undefined, profile: string): AliasDraft {
  if (!alias) return { name: '', lossy: '', order: '', targets: [target(profile)] };
  return {
    name: alias.name, lossy: alias.lossy ?? '', order: (alias.order ?? []).join(', '),
    targets: alias.targets.map((one) => ({ id: nextId++, profile: one.profile ?? '', provider: one.provider ?? '', model: one.model, weight: one.weight ? String(one.weight) : '' })),
  };
}

/** The same things with the one at `from` moved to `to`. */
export function moved<T>(all: readonly T[], from: number, to: number): T[] {
  const rest = [...all];
  if (from < 0 || from >= rest.length || to < 0 || to >= rest.length) return rest;
  const [one] = rest.splice(from, 1);
  rest.splice(to, 0, one as T);
  return rest;
}

/** What is wrong with the form; by field, targets as `model 3`. */
export function faultsOf(draft: AliasDraft, taken: readonly string[]): Record<string, string> {
  const wrong: Record<string, string> = {};
  const name = draft.name.trim();
  if (!name) wrong['name'] = 'Clients ask for it by this name.';
  else if (taken.includes(name)) wrong['name'] = 'There is already an alias with this name.';
  if (draft.targets.length === 0) wrong['targets'] = 'Name at least one target.';
  for (const one of draft.targets) {
    if (!one.model.trim()) wrong[`model ${one.id}`] = one.provider ? 'Which model there?' : 'A provider and its model, or another alias.';
    if (one.weight.trim() && !/^[1-9]\d{0,5}$/.test(one.weight.trim())) wrong[`weight ${one.id}`] = 'A whole number from 1 on.';
  }
  return wrong;
}

/** The form as the file takes it; targets keep their order. */
export function aliasOf(draft: AliasDraft): AliasPut {
  const words = draft.order.split(/[\s,]+/).filter(Boolean);
  return {
    name: draft.name.trim(), lossy: draft.lossy || null, order: words.length > 0 ? words : null,
    targets: draft.targets.map((one) => ({ profile: one.profile || null, provider: one.provider || null, model: one.model.trim(), weight: one.weight.trim() ? Number(one.weight) : null })),
  };
}

/** Targets that hold in a profile: its own, or those without one. */
export function inProfile(targets: readonly AliasTarget[], profile: string | null | undefined): AliasTarget[] {
  const own = targets.filter((one) => (one.profile ?? null) === (profile ?? null));
  return own.length > 0 ? own : targets.filter((one) => !one.profile);
}

/** Steps of a chain: targets next to one another that have weights share the traffic. */
export function steps(targets: readonly AliasTarget[]): AliasTarget[][] {
  const all: AliasTarget[][] = [];
  for (const one of targets) {
    const last = all.at(-1);
    if (one.weight && last?.every((other) => other.weight)) last.push(one);
    else all.push([one]);
  }
  return all;
}
