// A gateway of a test's own, for what would disturb all others: ending it, starting it anew.
import { resolve } from 'node:path';
import { door } from './door.mjs';
import { World } from './gateway.mjs';

export interface Own { url: string; key: string; again: (meanwhile?: () => unknown) => Promise<void>; end: () => Promise<void> }

/** Starts it, with one provider that is a simulator. */
export async function own(config: (simulator: string) => string): Promise<Own> {
  const world = new World();
  try {
    const made = await world.gateway(config(await world.simulator()));
    const key = await world.admin(made.url);
    const front = process.env['WEB_SITE'] ? await door(made.url, resolve(process.env['WEB_SITE'])) : undefined;
    return { url: front?.url ?? made.url, key, again: made.again, end: async () => { front?.close(); await world.stop(); } };
  } catch (thrown) {
    await world.stop();
    throw thrown;
  }
}
