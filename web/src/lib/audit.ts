// The audit trail in words: what was done, and what is different since.

/** What can be asked for: the beginning of actions, with the word for it. */
export const ACTIONS: [string, string][] = [
  ['token.', 'Tokens'],
  ['provider.', 'Providers'],
  ['settings.', 'Settings'],
  ['config.', 'The file'],
  ['secret.', 'Secrets'],
  ['session.', 'Sign-ins'],
  ['conversation.', 'Conversations'],
  ['exchange.', 'Replays'],
  ['alert.', 'Alerts'],
  ['log.', 'Log'],
];

/** `token.create` is `token create`. */
export const actionWords = (action: string): string => action.replace(/[._]/g, ' ');

/** Whether something was made, changed or ended: for its colour. */
export function tone(action: string): 'good' | 'bad' | 'plain' {
  if (/\.(create|add|enable|setup|make)$/.test(action)) return 'good';
  return /\.(revoke|remove|delete|disable|clear|end|expire)/.test(action) ? 'bad' : 'plain';
}

export interface Difference {
  name: string;
  before?: string;
  after?: string;
}

const shown = (value: unknown): string => (value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value, null, 1));

/** Objects within objects by their path, so that a limit that moved is one line; lists stay whole. */
function flat(value: Record<string, unknown> | null | undefined, under = ''): [string, string][] {
  return Object.entries(value ?? {}).flatMap(([name, one]) => {
    const path = under ? `${under}.${name}` : name;
    const isObject = typeof one === 'object' && one !== null && !Array.isArray(one);
    if (isObject && Object.keys(one).length > 0) return flat(one as Record<string, unknown>, path);
    return isObject ? [] : [[path, shown(one)] as [string, string]];
  });
}

/** Field by field: as it was, as it is. What is the same on both sides is left out. */
export function differences(before: Record<string, unknown> | null | undefined, after: Record<string, unknown> | null | undefined): Difference[] {
  const [old, now] = [new Map(flat(before)), new Map(flat(after))];
  const told: Difference[] = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === is) continue;
    told.push({ name, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) });
  }
  return told;
}
