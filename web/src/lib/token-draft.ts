// A token as a form holds it, in texts; made of a token, and made into what the API takes.
import type { Body, Sparse } from '../api/client';
import type { Budget, Limits as FullLimits, Role, TokenView } from '../api/types';
import { limitOf, limitText, windowKey, windowOf } from './budget';

type Limits = Sparse<FullLimits>;
type TokenCreate = Body<'/admin/api/tokens', 'post'>;
type TokenChange = Body<'/admin/api/tokens/{which}', 'patch'>;
/** One budget of the form. */
export interface BudgetDraft {
  unit: Budget['unit'];
  limit: string;
  window: string;
  /** The time zone that it had. */
  zone?: string | undefined;
}
/** The form. */
export interface Draft {
  name: string;
  role: Role;
  parent: string;
  /** `never`, a number of days, `keep` as it is, or `at` a moment. */
  expiry: string;
  expiresAt: string;
  budgets: BudgetDraft[];
  requestsPerMinute: string;
  tokensPerMinute: string;
  concurrent: string;
  allow: string;
  deny: string;
  labels: string;
  capture: boolean;
  lossy: '' | 'warn' | 'reject';
}

const DAY_MS = 86_400_000;
/** How long a token can live, in the words of the form. */
export const LIVES: [string, string][] = [['1', '1 day'], ['7', '1 week'], ['30', '30 days'], ['90', '90 days'], ['365', '1 year'], ['never', 'as long as the token above it'], ['at', 'until…']];

/** An empty form. */
export function empty(): Draft {
  return { name: '', role: 'inferrer', parent: '', expiry: 'never', expiresAt: '', budgets: [], requestsPerMinute: '', tokensPerMinute: '', concurrent: '', allow: '', deny: '', labels: '', capture: true, lossy: '' };
}

/** The form of a token that there is. */
export function draftOf(token: TokenView): Draft {
  const limits: Limits = token.limits ?? {};
  const text = (value: number | null | undefined): string => (value === null || value === undefined ? '' : String(value));
  return {
    name: token.name, role: token.role, parent: token.parent ?? '', expiry: 'keep', expiresAt: '',
    budgets: ((limits.budgets ?? []) as Budget[]).map((budget) => ({ unit: budget.unit, limit: limitText(budget.unit, budget.limit), window: windowKey(budget.window), zone: budget.window?.time_zone ?? undefined })),
    requestsPerMinute: text(limits.requests_per_minute), tokensPerMinute: text(limits.tokens_per_minute), concurrent: text(limits.concurrent),
    allow: (limits.models?.allow ?? []).join('\n'), deny: (limits.models?.deny ?? []).join('\n'),
    labels: Object.entries(token.labels ?? {}).map(([key, value]) => `${key}=${value}`).join('\n'),
    capture: token.capture, lossy: token.lossy ?? '',
  };
}

/** What is wrong with the form, by field. */
export function faults(draft: Draft): Record<string, string> {
  const found: Record<string, string> = {};
  draft.budgets.forEach((budget, at) => {
    if (limitOf(budget.unit, budget.limit) === undefined) found[`budget${at}`] = 'Write a number such as 20, 400k or 1.5M.';
    else if (draft.budgets.slice(0, at).some((other) => other.unit === budget.unit && other.window === budget.window)) found[`budget${at}`] = 'There is another budget of this unit and time.';
  });
  for (const field of ['requestsPerMinute', 'tokensPerMinute', 'concurrent'] as const) {
    const value = draft[field] && limitOf('requests', draft[field]);
    if (draft[field] && (!value || value < 1)) found[field] = 'Write a number above 0, or nothing.';
  }
  for (const line of rows(draft.labels)) if (!/^[a-z0-9_.-]{1,64}=/.test(line)) found['labels'] = `“${line}” is no label; write lines such as team=search.`;
  if (draft.expiry === 'at' && !(Date.parse(draft.expiresAt) > Date.now())) found['expiry'] = 'Choose a moment that is still to come.';
  return found;
}

/** Values of labels have commas of their own. */
const rows = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter(Boolean);
const lines = (text: string): string[] => text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
const labelsOf = (text: string): Record<string, string> => Object.fromEntries(rows(text).map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]));

function limitsOf(draft: Draft, timeZone: string): Limits {
  const limits: Limits = {};
  if (draft.budgets.length > 0) {
    limits.budgets = draft.budgets.map((budget) => {
      const window = windowOf(budget.window, budget.zone ?? timeZone);
      return { unit: budget.unit, limit: limitOf(budget.unit, budget.limit) ?? 0, ...(window && { window }) } as Budget;
    });
  }
  const rate = (text: string): number | undefined => (text ? limitOf('requests', text) : undefined);
  if (draft.requestsPerMinute) limits.requests_per_minute = rate(draft.requestsPerMinute);
  if (draft.tokensPerMinute) limits.tokens_per_minute = rate(draft.tokensPerMinute);
  if (draft.concurrent) limits.concurrent = rate(draft.concurrent);
  const [allow, deny] = [lines(draft.allow), lines(draft.deny)];
  if (allow.length + deny.length > 0) limits.models = { ...(allow.length > 0 && { allow }), ...(deny.length > 0 && { deny }) };
  return limits;
}

/** What makes the token. */
export function creation(draft: Draft, timeZone: string): TokenCreate {
  const made = { role: draft.role, limits: limitsOf(draft, timeZone), labels: labelsOf(draft.labels), capture: draft.capture } as TokenCreate;
  if (draft.name.trim()) made.name = draft.name.trim();
  if (draft.parent) made.parent = draft.parent;
  if (draft.lossy) made.lossy = draft.lossy;
  if (draft.expiry === 'at') made.ttl_ms = Date.parse(draft.expiresAt) - Date.now();
  else if (draft.expiry !== 'never') made.ttl_ms = Number(draft.expiry) * DAY_MS;
  return made;
}

/** What changes `token` into the form: only what differs, so that others' changes of other fields stay. */
export function changes(draft: Draft, token: TokenView, timeZone: string): TokenChange {
  const was = draftOf(token);
  const change: Record<string, unknown> = {};
  if (draft.name.trim() !== was.name) change['name'] = draft.name.trim() || null;
  if (draft.expiry === 'never') change['expires_ms'] = null;
  else if (draft.expiry === 'at') change['expires_ms'] = Date.parse(draft.expiresAt);
  else if (draft.expiry !== 'keep') change['ttl_ms'] = Number(draft.expiry) * DAY_MS;
  if (draft.lossy !== was.lossy) change['lossy'] = draft.lossy || null;
  if (draft.capture !== was.capture) change['capture'] = draft.capture;
  const before = labelsOf(was.labels);
  const after = labelsOf(draft.labels);
  const labels: Record<string, string | null> = {};
  for (const key of Object.keys(before)) if (!(key in after)) labels[key] = null;
  for (const [key, value] of Object.entries(after)) if (before[key] !== value) labels[key] = value;
  if (Object.keys(labels).length > 0) change['labels'] = labels;
  const [now, old] = [limitsOf(draft, timeZone), limitsOf(was, timeZone)];
  const limits: Record<string, unknown> = {};
  for (const field of ['budgets', 'requests_per_minute', 'tokens_per_minute', 'concurrent'] as const) {
    if (JSON.stringify(now[field]) !== JSON.stringify(old[field])) limits[field] = now[field] ?? null;
  }
  if (JSON.stringify(now.models) !== JSON.stringify(old.models)) limits['models'] = now.models ? { allow: now.models.allow ?? null, deny: now.models.deny ?? null } : null;
  if (Object.keys(limits).length > 0) change['limits'] = limits;
  return change as TokenChange;
}
