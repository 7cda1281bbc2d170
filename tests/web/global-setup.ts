// Before the tests: six gateways. `full` has had traffic, `empty` none, `flows` is what tests change, `ways` what those of routing change
// (two that change one file at once are told so), `fresh` and `bare` have no token yet; one of them gets one.
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { door } from './support/door.mjs';
import { HEAD, across, provider, until, World } from './support/gateway.mjs';
import { hostile } from './support/hostile.mjs';
import { call, traffic } from './support/traffic.mjs';

export default async function setup(): Promise<() => Promise<void>> {
  const world = new World();
  const hooks = createServer((request, answer) => request.resume().on('end', () => answer.writeHead(204).end())).listen(0, '127.0.0.1');
  const doors: { close: () => void }[] = [];
  const stop = async (): Promise<void> => {
    hooks.close();
    for (const one of doors) one.close();
    await world.stop();
  };
  try {
    await new Promise((done) => hooks.once('listening', done));
    const { port } = hooks.address() as { port: number };
    const [one, two, bad] = await Promise.all([world.simulator(), world.simulator(), hostile()]);
    doors.push(bad);
    const keep = '[conversations]\nenabled = true\n';
    const alerts = `[alerts]\nprovider_down_after = "1s"\n[[alerts.webhooks]]\nurl = "http://127.0.0.1:${port}/hook"\n`;
    const broken = '\n[[providers]]\nname = "broken"\nprotocols = { openai = "http://127.0.0.1:9/v1" }\n';
    const aliases = '\n[[model_aliases]]\nname = "chat"\n[[model_aliases.targets]]\nprofile = "day"\nprovider = "one"\nmodel = "ok"\n[[model_aliases.targets]]\nprofile = "night"\nprovider = "two"\nmodel = "ok"\n';
    const outside = `\n[[providers]]\nname = "hostile"\nprotocols = { openai = "${bad.url}/v1" }\n`;
    const changed = `${HEAD}active_model_profile = "day"\n${provider('one', one)}${provider('two', two)}${aliases}${keep}`;
    const [full, empty, flows, ways, fresh, bare] = await Promise.all([
      world.gateway(HEAD + provider('simulator', one) + across('across', one) + broken + outside + keep + alerts),
      world.gateway(HEAD + provider('simulator', one)),
      world.gateway(changed),
      world.gateway(changed),
      world.gateway(HEAD),
      world.gateway(HEAD),
    ]);
    const keys = await Promise.all([full, empty, flows, ways].map(({ url }) => world.admin(url)));
    const made = await traffic(full.url, keys[0]);
    // Rows and conversations are written down a moment after the answer.
    const first = await until(async () => (await call(full.url, keys[0], 'GET', '/admin/api/conversations?q=login')).data.conversations?.find((talk: { exchanges: number }) => talk.exchanges >= 5), 'the conversations');
    const watched = await until(async () => (await call(full.url, keys[0], 'GET', `/admin/api/conversations?token=${made.watched.id}`)).data.conversations?.[0], 'the conversation whose wire is kept');
    const request = await until(async () => (await call(full.url, keys[0], 'GET', '/admin/api/usage/requests?limit=1&period=1h')).data.requests?.[0]?.id, 'the requests');
    const site = process.env['WEB_SITE'];
    if (site) {
      for (const one of [full, empty, flows, ways, fresh, bare]) {
        const front = await door(one.url, resolve(site));
        doors.push(front);
        one.url = front.url;
      }
    }
    const page = await (await fetch(`${full.url}/admin/`, { headers: { accept: 'text/html' } })).text();
    if (!page.includes('id="app"')) throw new Error('This torod was built without the site: run `make web` and build torod anew, or name the site by WEB_SITE=web/dist.');
    process.env['WEB_WORLD'] = JSON.stringify({
      full: { url: full.url, key: keys[0], talk: first.id, request, run: made.run.id, watched: watched.id, keymaster: made.team.key, inferrer: made.alice.key },
      empty: { url: empty.url, key: keys[1] },
      flows: { url: flows.url, key: keys[2], first: one, second: two },
      ways: { url: ways.url, key: keys[3], first: one, second: two },
      fresh: { url: fresh.url, code: fresh.code, first: one },
      bare: { url: bare.url, code: bare.code },
    });
    return stop;
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
